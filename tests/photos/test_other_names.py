"""Photos whose names were written on another system, and photos of kinds that must be converted."""

from __future__ import annotations

import re
import shlex
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.other_names import other_names
from etsyml_cli.photos.pixels import PhotoError, Preprocessing
from etsyml_cli.photos.reader import find_photo, read_photo
from etsyml_cli.photos.store import read_image_features
from tests.photo_shop import extract, rejects_of, write_listings, write_photo

HEIC = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99)
SMALL = Preprocessing(16, 1.0, "bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)
NFC, NFD = (unicodedata.normalize(form, "t\u00e9 vert/caf\u00e9.png") for form in ("NFC", "NFD"))

CASES = [  # name in the table, name of the file
    (NFC, NFD),
    (NFD, NFC),
    ("summer\\\u00e9t\u00e9\\1.png", "summer/\u00e9t\u00e9/1.png"),
    ("summer\\" + NFC.replace("/", "\\"), "summer/" + NFD),
    ("a/1.JPG", "a/1.jpg"),
    ("a/1.jpg", "a/1.JPG"),
]


@pytest.mark.parametrize(("named", "stored"), CASES)
def test_a_photo_is_found_under_its_other_name(tmp_path: Path, named: str, stored: str) -> None:
    (tmp_path / stored).parent.mkdir(parents=True, exist_ok=True)
    write_photo(tmp_path / "plain.png", 1)
    (tmp_path / stored).write_bytes((tmp_path / "plain.png").read_bytes())
    assert find_photo(tmp_path, named)[0] == stored
    assert (read_photo(tmp_path, named, SMALL, 10**6) == read_photo(tmp_path, "plain.png", SMALL, 10**6)).all()


def test_a_file_with_exactly_the_given_name_comes_first(tmp_path: Path) -> None:
    for number, name in enumerate(["a\\b.png", "b.png", "b.PNG", "a/b.png"]):
        (tmp_path / "a").mkdir(exist_ok=True)
        write_photo(tmp_path / "new.png", number)
        (tmp_path / "new.png").rename(tmp_path / name)
        assert find_photo(tmp_path, name)[0] == name
    assert find_photo(tmp_path, "a\\b.png")[0] == "a\\b.png"


@pytest.mark.parametrize("name", ["..\\secret.png", "\\etc\\hostname", "a\\..\\..\\secret.PNG"])
def test_another_name_does_not_leave_the_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "root/a").mkdir(parents=True)
    write_photo(tmp_path / "secret.png", 1)
    with pytest.raises(PhotoError, match="missing"):
        find_photo(tmp_path / "root", name)


@given(st.text())
def test_other_names_are_few_and_differ(name: str) -> None:
    others = other_names(name)
    assert name not in others
    assert len(others) == len(set(others)) <= 12


def test_photos_under_other_names_are_counted_and_read(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "t\u00e9").mkdir(parents=True)
    for number, name in enumerate(["1.png", "2.png", "t\u00e9/3.png"]):
        write_photo(photos / name, number)
    right = {"A": "1.png", "B": "2.png", "C": "t\u00e9/3.png", "D": "2.png"}
    wrong = {"A": "1.png", "B": "2.PNG", "C": "te\u0301\\3.png", "D": "2.PNG", "E": "none.png"}
    write_listings(tmp_path / "listings.parquet", right)
    expected = extract(tmp_path, "right")
    write_listings(tmp_path / "listings.parquet", wrong)
    summary = extract(tmp_path, "wrong")
    assert expected.facts["photos"] == {"named": 4, "distinct": 3}
    assert summary.facts["photos"] == {"named": 5, "distinct": 3, "renamed": 3}
    assert [line["image"] for line in rejects_of(tmp_path / "wrong")] == ["none.png"]
    matrices = [read_image_features(tmp_path / name).matrix for name in ("right", "wrong")]
    np.testing.assert_array_equal(*matrices)


def test_kinds_that_cannot_be_read_are_counted_with_their_conversion(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = tmp_path / "our photos"
    photos.mkdir()
    write_photo(photos / "1.png", 1)
    for name in ("2.heic", "3.jpg", "4.HEIC"):
        (photos / name).write_bytes(HEIC)
    files = {"A": "1.png", "B": "2.heic", "C": "3.jpg", "D": "4.HEIC"}
    write_listings(tmp_path / "listings.parquet", files, "our photos")
    extract(tmp_path)
    assert "3 of 4 photos could not be read: unsupported HEIC 3" in caplog.text
    command = re.search(r"find .*;", caplog.text)
    assert command
    words = shlex.split(command[0])
    assert Path(words[1]).samefile(photos)
    assert words[2:] == ["(", "-iname", "*.hei[cf]", ")", "-exec", "magick", "{}[0]", "jpg:{}", ";"]

    write_listings(tmp_path / "listings.parquet", {"B": "2.heic"}, "our photos")
    with pytest.raises(DataError, match=r"none of 1 photos could be read \(unsupported HEIC 1\)") as caught:
        extract(tmp_path, "none", config=ImagesConfig(backbone="tiny", engine="torch"))
    assert "-exec magick" in (caught.value.hint or "")
