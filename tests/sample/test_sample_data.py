from __future__ import annotations

import csv
import errno
import gzip
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.io.artifact import read_manifest
from etsyml_cli.io.truth import (
    read_click_probabilities,
    read_page_grades,
    read_positions,
    read_styles,
    read_truth,
    read_users,
)
from etsyml_cli.sample import write_listings as sample_listings
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.world import build_world
from etsyml_cli.sample.write import sample_data
from tests.conftest import REPOSITORY, Etsyml
from tests.places import names_in

SMALL = SampleConfig(listings=40, users=30, searches=50, impressions=700, styles=3, days=10)
COMMITTED = REPOSITORY / "sample_data"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "market"
    sample_data(out, SMALL, seed=5)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lines(path: Path) -> list[str]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def test_the_same_seed_gives_the_same_bytes(market: Path, tmp_path: Path) -> None:
    sample_data(tmp_path / "again", SMALL, seed=5)
    assert contents(tmp_path / "again") == contents(market)


def test_another_seed_gives_other_bytes(market: Path, tmp_path: Path) -> None:
    sample_data(tmp_path / "other", SMALL, seed=6)
    one, other = contents(market), contents(tmp_path / "other")
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] == other[name]} == {"truth/positions.json"}


@pytest.mark.parametrize("threads", [1, 3])
def test_photos_do_not_depend_on_the_number_of_threads(
    market: Path, tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_listings, "PHOTOS_AT_ONCE", 16)
    sample_listings.write_photos(build_world(SMALL, seed=5), tmp_path, threads=threads)
    assert contents(tmp_path / "images") == contents(market / "images")


def test_a_failed_photo_ends_the_run_without_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(sample_listings, "draw_photo", disk_is_full)
    with pytest.raises(OSError, match="no space left"):
        sample_data(tmp_path / "market", SMALL, seed=5)
    assert names_in(tmp_path) == []


def test_a_full_disk_while_writing_logs_is_one_error(small_disk: Callable[[str], Path], etsyml: Etsyml) -> None:
    disk = small_disk("1m")
    ended = etsyml("sample-data", "--out", disk / "market", "--listings", "3", "--set", "impressions=200000")
    assert ended.code == 7
    assert re.search(
        rf"^error: no space left on device: [\d.]+ [kM]B available at {disk}/market\n  \w", ended.err, re.M
    )
    assert names_in(disk) == []


def test_row_counts_match_the_configuration(market: Path) -> None:
    rows = read_manifest(market).rows
    assert rows["listings"] == len(lines(market / "listings.csv")) - 1 == 40
    assert rows["impressions"] == len(lines(market / "impressions.csv.gz")) - 1 == 700
    assert rows["favorites"] == len(lines(market / "favorites.jsonl"))
    searches = [line.split("\t") for line in lines(market / "searches.tsv.gz")[1:]]
    assert rows["searches"] == len(searches)
    assert len({search for search, *_ in searches}) == 50


def test_every_listing_has_its_photo(market: Path) -> None:
    with (market / "listings.csv").open(newline="") as file:
        images = [row["image"] for row in csv.DictReader(file)]
    assert {str(path.relative_to(market)) for path in (market / "images").iterdir()} == set(images)
    for image in images:
        with Image.open(market / image) as photo:
            photo.load()
            assert (photo.format, photo.mode) == ("JPEG", "RGB")


def test_favorites_are_json_lines(market: Path) -> None:
    for line in lines(market / "favorites.jsonl"):
        assert msgspec.json.decode(line).keys() == {"user_id", "listing_id", "created_at"}


def test_the_ground_truth_has_the_rows_of_the_logs(market: Path) -> None:
    shown = [(row.split("\t")[0], row.split("\t")[3]) for row in lines(market / "searches.tsv.gz")[1:]]
    grades = read_page_grades(market)
    assert list(zip(grades["search_id"].to_pylist(), grades["listing_id"].to_pylist(), strict=True)) == shown
    impressions = [row.split(",")[1] for row in lines(market / "impressions.csv.gz")[1:]]
    assert read_click_probabilities(market)["impression_id"].to_pylist() == impressions
    assert read_truth(market, "listings").num_rows == 40


def test_the_styles_and_the_users_are_distributions(market: Path) -> None:
    listings, beta = read_styles(market / "truth")  # the truth directory is accepted too
    users, theta = read_users(market / "truth")
    assert (beta.shape, theta.shape) == ((3, 40), (30, 3))
    assert (listings[0], users[-1]) == ("L1", "U30")
    assert np.allclose(beta.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(theta.sum(axis=1), 1, atol=1e-5)


def test_examination_probabilities_decrease_from_one(market: Path) -> None:
    for curve in read_positions(market).values():
        assert curve[0] == 1
        assert curve == sorted(curve, reverse=True)


def test_missing_ground_truth_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"styles\.parquet: ground truth not found"):
        read_styles(tmp_path)
    with pytest.raises(InputError, match=r"positions\.json: ground truth not found"):
        read_positions(tmp_path)


def test_foreign_files_are_kept(market: Path, tmp_path: Path) -> None:
    assert sample_data(market, SMALL, seed=5).up_to_date
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="did not write"):
        sample_data(tmp_path, SMALL, seed=5, force=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "config",
    [
        SampleConfig(listings=1, users=1, days=1, styles=1, searches=2, impressions=2),
        SampleConfig(listings=3, users=2, searches=0, impressions=0, styles=20, pages="ranked"),
        SampleConfig(listings=5, users=2, searches=3, impressions=4),  # most days are empty
        SampleConfig(listings=1, users=1, days=1, searches=0, impressions=10),
        SampleConfig(
            listings=3, users=5, favorites_per_user=1000, searches=1, impressions=0
        ),  # all listings are favorites
        SampleConfig(listings=3, users=5000, favorites_per_user=1, searches=1, impressions=1),  # two batches of users
    ],
)
def test_the_smallest_marketplaces(config: SampleConfig, tmp_path: Path) -> None:
    rows = sample_data(tmp_path / "tiny", config, seed=0).rows
    assert rows["impressions"] == config.impressions
    assert len(lines(tmp_path / "tiny" / "searches.tsv.gz")) == 1 + rows["searches"]


def test_the_command_in_the_readme_has_all_settings(tmp_path: Path) -> None:
    config = SampleConfig(listings=4, users=2, pages="ranked", searches=1, impressions=0)
    sample_data(tmp_path / "market", config, seed=9)
    command = (
        "    etsyml sample-data --out sample_data --listings 4 --users 2 "
        "--set searches=1 --pages ranked --set impressions=0 --seed 9"
    )
    assert command in lines(tmp_path / "market" / "README.md")


@pytest.mark.parametrize(
    "setting",
    [
        "pages=sorted",
        "listings=0",
        "searches=-1",
        "styles=0",
        "days=3651",
        "page_size=1001",
        "users=99999999999999999999",
    ],
)
def test_invalid_settings_are_usage_errors(setting: str) -> None:
    with pytest.raises(UsageError, match=setting.partition("=")[0]):
        resolve_config(SampleConfig, sets=[setting])


def test_the_committed_marketplace_is_reproducible(tmp_path: Path) -> None:
    """Except for photos, because JPEG bytes depend on the library version."""
    sample_data(tmp_path / "drawn", SampleConfig(), seed=0)
    for name in ("listings.csv", "searches.tsv.gz", "favorites.jsonl", "impressions.csv.gz", "README.md"):
        assert lines(COMMITTED / name) == lines(tmp_path / "drawn" / name), name
    photos = {path.name for path in (tmp_path / "drawn" / "images").iterdir()}
    assert {path.name for path in (COMMITTED / "images").iterdir()} == photos


def test_the_committed_marketplace_is_small_and_has_user_17() -> None:
    files = [path for path in COMMITTED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    assert sum('"user_id":"U17"' in line for line in lines(COMMITTED / "favorites.jsonl")) > 5
