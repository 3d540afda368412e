"""Several photos in one text: split at commas only if the text does not name a file and each part names a photo."""

from __future__ import annotations

import pytest

from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.values import parse
from etsyml_cli.io.rejects import BadValueError, Reason
from etsyml_cli.io.tables import read_table
from tests.conftest import Etsyml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.jpg, b.webp", ["a.jpg", "b.webp"]),
        ("a.JPG;sub/b.png; ", ["a.JPG", "sub/b.png"]),
        ("red, blue.jpg", ["red, blue.jpg"]),
        ("here,is.jpg,one.jpg", ["here,is.jpg,one.jpg"]),
        ('["a.jpg", "b, c.webp"]', ["a.jpg", "b, c.webp"]),
        ("('a.jpg', 'a.jpg')", ["a.jpg"]),
        ("{a.jpg,b.jpg}", ["a.jpg", "b.jpg"]),
        ("[]", None),
        ("a.jpg, b.jpg|c.jpg", ["a.jpg, b.jpg", "c.jpg"]),
    ],
)
def test_photos_in_a_text(tmp_path, text, expected):
    (tmp_path / "one.jpg,two.jpg").touch()
    assert parse(text, "paths", Rules(image_root=str(tmp_path))) == expected


def test_a_file_whose_name_looks_like_a_list_is_one_file(tmp_path):
    (tmp_path / "one.jpg,two.jpg").touch()
    rules = Rules(image_root=str(tmp_path))
    assert parse("one.jpg,two.jpg", "paths", rules) == ["one.jpg,two.jpg"]
    assert parse(" one.jpg,two.jpg", "path", rules) == "one.jpg,two.jpg"


@pytest.mark.parametrize("text", ["a.jpg, b.webp", '["a.jpg"]', "['a.jpg', 'b.jpg']"])
def test_a_list_in_text_is_not_one_path(text):
    with pytest.raises(BadValueError) as error:
        parse(text, "path", Rules(image_root="/photos"))
    assert error.value.reason is Reason.LIST_OF_PATHS


@pytest.mark.parametrize(
    "url", ["https://shop/a.jpg", "//cdn.shop/a.jpg", "HTTP://shop/a.jpg", "s3://b/a.jpg", "data:image/png;base64,AA=="]
)
def test_urls_are_named_as_such(url):
    for kind in ("path", "paths"):
        with pytest.raises(BadValueError) as error:
            parse(url, kind, Rules(image_root="/photos"))
        assert error.value.reason is Reason.URL


def test_the_summary_counts_lists_in_text_and_split_photos(tmp_path, etsyml: Etsyml):
    file = tmp_path / "shop.csv"
    file.write_text(
        "listing_id,title,tags,images\n"
        '1,A,"[""red mug"", ""fern""]","a.jpg, b.webp"\n'
        "2,B,\"['red mug' 'fern']\",\"['a.jpg']\"\n"
        '3,C,"{red mug,fern}",c.jpg\n'
        '4,D,"red mug, fern","a.jpg|b.webp"\n'
    )
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", file)
    assert "lists in text: 4" in ended.err
    assert "lists of photos split at commas: 1" in ended.err
    rows = read_table(tmp_path / "w/tables/listings.parquet", "listings")
    assert rows["tags"].to_pylist() == [["red mug", "fern"]] * 4
    assert rows["images"].to_pylist() == [["a.jpg", "b.webp"], ["a.jpg"], ["c.jpg"], ["a.jpg", "b.webp"]]
