"""The age of a listing as a feature of the click model, from training to explanations."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etsyml_cli.cli.main import run
from etsyml_cli.core.rng import generator
from tests.ads.test_train import write_table

START = datetime(2024, 3, 1, tzinfo=UTC)
NEW, OLD, FUTURE, UNKNOWN = range(4)
CREATED = [START - timedelta(days=200), START - timedelta(days=600), START + timedelta(days=400), None]
FEATURE = ["--set", "features.numeric=[listing_age_days]", "--set", "history=null", "--set", "bits=12"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Tables in which ads of the new listing get most of the clicks."""
    root = tmp_path_factory.mktemp("shop")
    rng = generator(7, "ages")
    listings = [{"listing_id": f"L{i}", "title": "mug", "created_at": created} for i, created in enumerate(CREATED)]
    write_table("listings", listings, root / "tables" / "listings.parquet")
    rows = []
    for i in range(1600):
        listing = int(rng.integers(4))
        rows.append(
            {
                "impression_id": f"A{i}",
                "created_at": START + timedelta(days=i // 200, seconds=i % 200),
                "listing_id": f"L{listing}",
                "clicked": int(rng.random() < (0.6 if listing == NEW else 0.1)),
            }
        )
    write_table("impressions", rows, root / "tables" / "impressions.parquet")
    return root


@pytest.fixture(scope="module")
def model(place) -> Path:
    assert run(["-w", str(place), "train", "ctr", *FEATURE]) == 0
    return place / "models" / "ctr"


def score(etsyml, place: Path, tmp_path: Path, rows: list[dict], *options: str) -> list[dict]:
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [json.loads(line) for line in etsyml("-w", place, "score", lines, *options).out.splitlines()]


def test_the_age_ranks_ads_on_the_test_day(place, model, etsyml):
    measured = json.loads(etsyml("-w", place, "evaluate", "--model", model, "--metric", "auc", "--json").out)
    assert next(one["value"] for one in json_metrics(measured) if one["variant"] == "content") > 0.65


def json_metrics(measured: dict) -> list[dict]:
    return measured["metrics"] if "metrics" in measured else measured["evaluations"][0]["metrics"]


def test_json_lines_with_a_time_get_the_scores_of_the_table(place, model, tmp_path, etsyml):
    assert (
        etsyml("-w", place, "score", place / "tables" / "impressions.parquet", "--out", tmp_path / "s.parquet").code
        == 0
    )
    table = pq.read_table(tmp_path / "s.parquet").slice(0, 40).to_pylist()
    rows = [{"listing_id": row["listing_id"], "created_at": row["created_at"].isoformat()} for row in table]
    assert [row["score"] for row in score(etsyml, place, tmp_path, rows)] == [row["score"] for row in table]


def test_an_explanation_names_the_age_and_an_unknown_age_is_no_feature(place, model, tmp_path, etsyml):
    time = (START + timedelta(days=8)).isoformat()
    rows = [{"listing_id": f"L{i}", "created_at": time} for i in (NEW, OLD, FUTURE, UNKNOWN)]
    rows += [{"listing_id": f"L{NEW}"}, {"listing_id": f"L{NEW}", "listing_age_days": 608, "created_at": time}]
    scored = score(etsyml, place, tmp_path, rows, "--explain")
    ages = [[why["what"] for why in row["why"] if why["what"].startswith("listing_age_days")] for row in scored]
    assert [len(names) for names in ages] == [1, 1, 0, 0, 0, 1]
    assert ages[0] != ages[1] == ages[5]  # the age that a row gives is used
    assert scored[0]["score"] > 3 * scored[1]["score"]
    assert scored[2]["score"] == scored[3]["score"] == scored[4]["score"]


def test_weights_have_the_name_of_the_age(place, model, etsyml):
    lines = etsyml("-w", place, "weights", "--model", model).out.splitlines()
    assert any("listing_age_days~" in name for line in lines for name in json.loads(line)["features"])


def test_the_age_needs_the_times_of_listings(place, tmp_path, etsyml):
    listings = [{"listing_id": "L0", "title": "mug"}]
    write_table("listings", listings, tmp_path / "listings.parquet")
    impressions = place / "tables" / "impressions.parquet"
    tables = ["--impressions", impressions, "--listings", tmp_path / "listings.parquet"]
    ended = etsyml("-w", tmp_path, "train", "ctr", *tables, *FEATURE)
    assert ended.code == 2
    assert "no column 'listing_age_days'" in ended.err
    assert "computed from created_at of the log and created_at of the listings table" in ended.err
