"""`--preset`: the exports of known programs, end to end; files of the shapes that the programs write."""

from __future__ import annotations

import csv
import json
import shlex
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.ingest.presets import load_preset, preset_names
from etsyml_cli.io.tables import table_manifest
from tests.conftest import REPOSITORY, Etsyml

FOLDER = REPOSITORY / "configs/presets"

SHOPIFY = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Variant Inventory Qty",
    "Variant Price",
    "Image Src",
    "Image Position",
    "Gift Card",
    "Variant Image",
]
SHOPIFY_ROWS = [
    ["ring", "Silver ring", "<p>Plain</p>", "Forge", "Rings", "silver, plain", "true", "Size", "S", "3", "20.00", "https://x/1.jpg", "1", "false", ""],
    ["ring", "", "", "", "", "", "", "", "M", "1", "22.00", "https://x/2.jpg", "2", "", ""],
    ["ring", "", "", "", "", "", "", "", "", "", "", "https://x/3.jpg", "3", "", ""],
    ["bowl", "Oak bowl", "", "Turner", "Bowls", "oak", "true", "Title", "Default Title", "5", "31.50", "https://x/4.jpg", "1", "false", ""],
]  # fmt: skip
NEW_SHOPIFY = "Title,URL handle,Description,Vendor,Product category,Type,Tags,Status,SKU,Price,Inventory quantity,Product image URL"
WOOCOMMERCE = (
    'ID,Type,SKU,Name,Published,"Is featured?","Short description",Description,"In stock?",Stock,"Sale price",'
    '"Regular price",Categories,Tags,Images,Parent\n'
    '11,variable,CUP,"Tea cup",1,0,Small,"A cup",1,,,,"Kitchen > Cups","tea, cup","https://x/a.jpg, https://x/b.jpg",\n'
    '12,variation,CUP-R,"Tea cup - Red",1,0,,,1,4,,18,,,https://x/a.jpg,CUP\n'
    '13,simple,,Tray,1,0,,Wood,1,2,9,12.5,Kitchen,wood,,\n'
)  # fmt: skip
ETSY = (
    "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,IMAGE2,VARIATION 1 TYPE,SKU\n"
    '"Green ring","Line one\nLine two",6.15,GBP,3,"ring,green_stone",aventurine,https://x/1.jpg,,,RING-1\n'
    "Silver ring,Simple,8.30,GBP,1,ring,silver,https://x/2.jpg,https://x/3.jpg,,{sku}\n"
)
MOVIES = (
    'movieId,title,genres\n1,Toy Story (1995),Adventure|Animation|Comedy\n3,"American President, The (1995)",Drama\n'
)
RATINGS = "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,4.5,964981247\n2,1,3.0,964982224\n"


def write_csv(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def text_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def read(workspace: Path, table: str = "listings") -> list[dict]:
    return pq.read_table(workspace / f"tables/{table}.parquet").to_pylist()


@pytest.fixture
def shopify(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "products_export.csv", SHOPIFY, SHOPIFY_ROWS)


def test_shopify_products_with_variants_and_photos(shopify, tmp_path, etsyml: Etsyml):
    ended = etsyml("-w", tmp_path, "ingest", "listings", shopify, "--preset", "shopify")
    assert ended.code == 0
    assert "wrote 2 rows (4 read, 2 merged, 0 rejected)" in ended.err
    ring, bowl = read(tmp_path)
    assert (ring["listing_id"], ring["title"], ring["shop_id"], ring["category"]) == (
        "ring",
        "Silver ring",
        "Forge",
        "Rings",
    )
    assert (ring["tags"], ring["price"], ring["quantity"]) == (["silver", "plain"], 20.0, 3)
    assert (bowl["listing_id"], bowl["price"], bowl["description"]) == ("bowl", 31.5, None)


def test_shopify_files_with_the_newer_column_names(tmp_path, etsyml: Etsyml):
    row = "Oak bowl,bowl,Turned,Turner,Home,,oak,active,B1,31.50,5,https://x/4.jpg"
    file = text_file(tmp_path / "p.csv", f"{NEW_SHOPIFY}\n{row}\n")
    assert etsyml("-w", tmp_path, "ingest", "listings", file, "--preset", "shopify").code == 0
    [bowl] = read(tmp_path)
    assert (bowl["listing_id"], bowl["description"], bowl["price"], bowl["quantity"]) == ("bowl", "Turned", 31.5, 5)


def test_woocommerce_products(tmp_path, etsyml: Etsyml):
    file = text_file(tmp_path / "wc-product-export.csv", WOOCOMMERCE)
    assert etsyml("-w", tmp_path, "ingest", "listings", file, "--preset", "woocommerce").code == 0
    cup, red, tray = read(tmp_path)
    assert (cup["listing_id"], cup["title"], cup["tags"], cup["category"]) == (
        "11",
        "Tea cup",
        ["tea", "cup"],
        "Kitchen > Cups",
    )
    assert (red["listing_id"], red["price"], red["quantity"]) == ("12", 18.0, 4)
    assert tray["price"] == 12.5


def test_etsy_listings_with_skus(tmp_path, etsyml: Etsyml):
    file = text_file(tmp_path / "EtsyListingsDownload.csv", ETSY.format(sku="RING-2"))
    assert etsyml("-w", tmp_path, "ingest", "listings", file, "--preset", "etsy").code == 0
    green, silver = read(tmp_path)
    assert (green["listing_id"], green["title"], green["price"], green["currency"]) == (
        "RING-1",
        "Green ring",
        6.15,
        "GBP",
    )
    assert silver["quantity"] == 1


def test_etsy_listings_without_skus_are_refused_and_both_hints_help(tmp_path, etsyml: Etsyml):
    file = text_file(tmp_path / "e.csv", ETSY.format(sku=""))
    command = ["-w", tmp_path, "ingest", "listings", file, "--preset", "etsy"]
    ended = etsyml(*command)
    assert ended.code == 4
    assert "--map listing_id=COLUMN" in ended.err
    assert "--max-bad-rate 0.5" in ended.err
    assert etsyml(*command, "--max-bad-rate", "0.5").code == 0
    assert [row["listing_id"] for row in read(tmp_path)] == ["RING-1"]
    assert etsyml(*command, "--map", "listing_id=TITLE").code == 0
    assert [(row["listing_id"], row["title"]) for row in read(tmp_path)] == [("Green ring",) * 2, ("Silver ring",) * 2]


def test_etsy_listings_of_the_api(tmp_path, etsyml: Etsyml):
    listing = {
        "listing_id": 1122, "user_id": 5, "shop_id": 77, "title": "Fern mug", "description": "Made to order",
        "tags": ["mug", "fern"], "price": {"amount": 2800, "divisor": 100, "currency_code": "USD"}, "quantity": 4,
        "original_creation_timestamp": 1700000000, "images": [{"url_fullxfull": "https://x/5.jpg"}],
    }  # fmt: skip
    file = text_file(tmp_path / "l.jsonl", json.dumps(listing) + "\n")
    assert etsyml("-w", tmp_path, "ingest", "listings", file, "--preset", "etsy").code == 0
    [mug] = read(tmp_path)
    assert (mug["listing_id"], mug["owner_id"], mug["tags"]) == ("1122", "5", ["mug", "fern"])
    assert mug["created_at"].year == 2023
    assert not {"price", "images"} & mug.keys()


def test_movielens_ratings_and_movies(tmp_path, etsyml: Etsyml):
    ratings, movies = text_file(tmp_path / "ratings.csv", RATINGS), text_file(tmp_path / "movies.csv", MOVIES)
    assert etsyml("-w", tmp_path, "ingest", "favorites", ratings, "--preset", "movielens").code == 0
    assert etsyml("-w", tmp_path, "ingest", "listings", movies, "--preset", "movielens").code == 0
    favorite = read(tmp_path, "favorites")[1]
    assert (favorite["user_id"], favorite["listing_id"], favorite["weight"]) == ("1", "3", 4.5)
    assert favorite["created_at"].isoformat() == "2000-07-30T18:20:47+00:00"
    assert read(tmp_path)[0]["tags"] == ["Adventure", "Animation", "Comedy"]


def test_options_override_the_preset_key_by_key_and_the_manifest_records_the_result(shopify, tmp_path, etsyml: Etsyml):
    options = ["--map", "shop_id=Option1 Name", "--map", "description=", "--max-bad-rate", "0.2"]
    assert etsyml("-w", tmp_path, "ingest", "listings", shopify, "--preset", "shopify", *options).code == 0
    config = table_manifest(tmp_path / "tables/listings.parquet").plan.config
    assert config["map"] == {
        "listing_id": "Handle", "title": "Title", "shop_id": "Option1 Name", "description": "", "tags": "Tags",
        "category": "Type", "price": "Variant Price", "quantity": "Variant Inventory Qty",
    }  # fmt: skip
    assert config["max_bad_rate"] == 0.2
    assert [row["shop_id"] for row in read(tmp_path)] == ["Size", "Title"]


def test_a_setting_equal_to_the_default_still_overrides_the_preset(tmp_path, etsyml: Etsyml):
    preset = text_file(tmp_path / "own.yaml", "favorites:\n  max_bad_rate: 0.5\n  map: {user_id: u, listing_id: i}\n")
    file = text_file(tmp_path / "f.csv", "u,i\na,b\n,c\n")
    assert etsyml("-w", tmp_path, "ingest", "favorites", file, "--preset", preset).code == 0
    assert etsyml("-w", tmp_path, "ingest", "favorites", file, "--preset", preset, "--max-bad-rate", "0.01").code == 4


def test_a_preset_reads_stdin(shopify, tmp_path, etsyml: Etsyml, monkeypatch):
    with shopify.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert etsyml("-w", tmp_path, "ingest", "listings", "-", "--preset", "shopify").code == 0


def test_a_copy_of_a_preset_can_be_edited(shopify, tmp_path, etsyml: Etsyml):
    copy = text_file(tmp_path / "mine.yaml", (FOLDER / "shopify.yaml").read_text().replace("[Type, ", "[Vendor, "))
    assert etsyml("-w", tmp_path, "ingest", "listings", shopify, "--preset", copy).code == 0
    assert [row["category"] for row in read(tmp_path)] == ["Forge", "Turner"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["listings", "--preset", "shopfy"], 2, "Did you mean 'shopify'?"),
        (["searches", "--preset", "shopify"], 2, "It is for listings."),
        (["listings", "--preset", "opensearch-ubi"], 2, "It is for searches and favorites."),
        (["listings", "--preset", "./none.yaml"], 3, "none.yaml"),
        (["listings", "--preset", "woocommerce"], 3, "preset woocommerce: no column 'ID' for the required listing_id"),
        (["favorites", "--preset", "movielens"], 3, "--preset movielens-100k or movielens-1m"),
    ],
)
def test_what_does_not_fit_is_refused(shopify, tmp_path, etsyml: Etsyml, arguments, code, message):
    table, *options = arguments
    ended = etsyml("-w", tmp_path, "ingest", table, shopify, *options)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("listing: {map: {title: a}}\n", "unknown table 'listing'"),
        ("listings: {maps: {title: a}}\n", "unknown key 'listings.maps'"),
        ("listings: {map: {titel: a}}\n", "listings has no column 'titel'"),
        ("listings: {map: {title: 3}}\n", "listings: Expected"),
        ("listings: {time_unit: minutes}\n", "listings: Invalid enum value"),
        ("- a\n", "expected a section of settings per table"),
    ],
)
def test_an_invalid_preset_is_a_usage_error(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        load_preset(str(text_file(tmp_path / "p.yaml", text)))


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.yaml"))])
def test_every_preset_loads_and_names_its_source(name):
    assert load_preset(name).sections
    comments = [line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    assert any(line.startswith("# Source: ") for line in comments)
    assert any("https://" in line for line in comments)


def test_the_documented_presets_exist():
    assert {"shopify", "woocommerce", "etsy", "opensearch-ubi", "movielens"} <= set(preset_names())


def test_presets_are_in_the_wheel():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"configs/presets": "etsyml_cli/presets"}


RECOGNIZED = {
    "shopify": ("listings", None),
    "woocommerce": ("listings", WOOCOMMERCE),
    "etsy": ("listings", ETSY.format(sku="R2")),
    "movielens": ("favorites", RATINGS),
}


@pytest.mark.parametrize("name", RECOGNIZED)
def test_check_recognizes_a_preset_and_its_command_works(shopify, tmp_path, etsyml: Etsyml, name):
    table, text = RECOGNIZED[name]
    file = shopify if text is None else text_file(tmp_path / "a file.csv", text)
    report = json.loads(etsyml("-w", tmp_path, "ingest", table, file, "--check", "--json").out)
    assert report["preset"] == name
    command = shlex.split(report["command"])
    assert command[-2:] == ["--preset", name]
    assert etsyml(*command[1:]).code == 0


def test_check_keeps_the_options_of_the_user_beside_the_preset(shopify, tmp_path, etsyml: Etsyml):
    for preset in ([], ["--preset", "shopify"]):
        options = ["--map", "category=Vendor", "--check", "--json", *preset]
        report = json.loads(etsyml("-w", tmp_path, "ingest", "listings", shopify, *options).out)
        assert report["command"].endswith("--preset shopify --map category=Vendor")
        assert report["rows"]["merged"] == 2


def test_a_table_with_our_own_names_is_no_preset(etsyml: Etsyml):
    file = REPOSITORY / "sample_data/listings.csv"
    report = json.loads(etsyml("ingest", "listings", file, "--check", "--json").out)
    assert (report["preset"], report["command"]) == (None, f"etsyml ingest listings {file}")
