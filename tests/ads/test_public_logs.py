"""Click models of public logs, from the published file to figures."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from scripts.transcripts import SHARED_DATA
from tests.conftest import Etsyml

pytestmark = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the public data sets do not lie beside this checkout")


def judged(etsyml: Etsyml, place: Path, *how: str) -> dict[tuple[str, str], dict]:
    """The metrics of `train ctr` and `evaluate` over all test rows, by metric and variant."""
    trained = etsyml("-w", place, "train", "ctr", *how)
    assert trained.code == 0, trained.err
    metrics = [word for name in ("auc", "logloss", "ne") for word in ("--metric", name)]
    told = json.loads(etsyml("-w", place, "evaluate", "--model", "ctr", *metrics, "--json").out)
    return {(m["name"], m["variant"]): m for m in told["evaluations"][0]["metrics"] if m["slice"] == "mixed"}


def test_headlines_tell_more_than_the_base_rate(etsyml: Etsyml, tmp_path: Path) -> None:
    """Upworthy: thousands of impressions a row, days and weeks apart."""
    file = SHARED_DATA / "upworthy/variants_before_2014-07.csv.gz"
    mapping = ["--map", "listing_id=eyecatcher_id", "--map", "created_at=created_ts", "--time-unit", "s"]
    assert etsyml("-w", tmp_path, "ingest", "impressions", file, *mapping).code == 0
    texts = "features.text=[headline,excerpt,lede]"
    found = judged(etsyml, tmp_path, "--holdout", "0.15", "--set", texts)
    for variant in ("content", "ensemble"):
        assert found["auc", variant]["against"]["low"] > 0.04
        assert found["logloss", variant]["against"]["high"] < 0


def test_ratings_as_clicks(etsyml: Etsyml, tmp_path: Path) -> None:
    """MovieLens: four stars or five are a click."""
    with (
        gzip.open(SHARED_DATA / "movielens-100k/ml-100k.inter.gz", "rt") as ratings,
        (tmp_path / "clicks.csv").open("w", newline="") as clicks,
    ):
        write = csv.writer(clicks).writerow
        write(["user_id", "listing_id", "created_at", "clicked"])
        next(ratings)
        for user, item, stars, time in map(str.split, ratings):
            write([user, item, time, int(float(stars) >= 4)])
    movies = SHARED_DATA / "movielens-100k/ml-100k.item"
    mapping = ["--map", "listing_id=item_id", "--map", "title=movie_title", "--map", "tags=class"]
    assert etsyml("-w", tmp_path, "ingest", "listings", movies, *mapping).code == 0
    assert etsyml("-w", tmp_path, "ingest", "impressions", tmp_path / "clicks.csv", "--time-unit", "s").code == 0
    found = judged(etsyml, tmp_path, "--holdout", "0.1")
    for variant in ("historical", "content", "ensemble"):
        assert found["auc", variant]["value"] > 0.68
        assert found["ne", variant]["value"] < 0.95


@pytest.mark.parametrize("policy", ["bts", "random"])
@pytest.mark.parametrize("who", ["men", "women"])
def test_a_week_of_few_clicks_has_no_intervals(etsyml: Etsyml, tmp_path: Path, policy: str, who: str) -> None:
    """Open Bandit: about fifty clicks per file, fewer than 20 of them on the test day."""
    mapping = ["--map", "created_at=timestamp", "--map", "listing_id=item_id", "--map", "clicked=click"]
    file = SHARED_DATA / f"open-bandit/{policy}/{who}.csv.gz"
    assert etsyml("-w", tmp_path, "ingest", "impressions", file, *mapping).code == 0
    found = judged(etsyml, tmp_path)
    assert found["auc", "ensemble"]["observed"]["events"] < 20
    assert found["auc", "ensemble"]["low"] is found["auc", "ensemble"]["high"] is None
    assert found["ne", "ensemble"]["value"] < 1.1
