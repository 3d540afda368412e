"""A click model continued with later days is bit for bit the one trained on all days at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.ads.config import AdFeatures, AdHistory, CtrConfig
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.rng import generator
from etsyml_cli.io.artifact import read_manifest
from etsyml_cli.io.model import load_tensors
from tests.ads.test_train import CONFIG, LISTINGS, evaluate, train, write_table

DAYS, ADS_A_DAY = 20, 60
START = datetime(2024, 3, 1, tzinfo=UTC)
EVERYTHING = CtrConfig(
    bits=12,
    days=3,
    svd_dim=2,
    features=AdFeatures(text_svd=("title",)),
    history=AdHistory(click_svd=(("listing_id", "query"),)),
    negatives=0.5,
)


def rows_of(days: range) -> list[dict]:
    rng = generator(days.start, "warm")
    return [
        {
            "impression_id": f"A{day}.{i}",
            "created_at": START + timedelta(days=day, seconds=i),
            "listing_id": f"L{rng.integers(1, 6)}",
            "query": ["mug", "tea", "jug"][rng.integers(3)],
            "position": int(rng.integers(1, 4)),
            "clicked": int(rng.random() < 0.3),
        }
        for day in days
        for i in range(ADS_A_DAY)
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """Tables of the first days, of the others, and of all; the last days of the first ones have no rows."""
    root = tmp_path_factory.mktemp("shop")
    write_table("listings", LISTINGS, root / "listings.parquet")
    days = {"first": range(9), "later": range(16, DAYS)}
    rows = {name: rows_of(of_part) for name, of_part in days.items()}
    for name, table in {**rows, "all": [*rows["first"], *rows["later"]]}.items():
        write_table("impressions", table, root / f"{name}.parquet")
    return root


def learn(shop: Path, out: Path, table: str, **options):
    return train(shop, out, impressions=shop / f"{table}.parquet", **{"holdout": "none", **options})


@pytest.mark.parametrize("config", [CONFIG, EVERYTHING], ids=["defaults", "everything"])
@pytest.mark.parametrize("table", ["later", "all"])
def test_the_state_is_that_of_one_long_run_bit_for_bit(shop, tmp_path, config, table):
    learn(shop, tmp_path / "first", "first", config=config, seed=5)
    summary = learn(shop, tmp_path / "both", table, warm_start=tmp_path / "first", seed=5)
    learn(shop, tmp_path / "long", "all", config=config, seed=5)
    both, long = load_tensors(tmp_path / "both"), load_tensors(tmp_path / "long")
    assert both.keys() == long.keys()
    for name in both.keys() - {"blend", "platt"}:
        assert both[name].tobytes() == long[name].tobytes(), name
    assert summary.rows == {"train": 180, "valid": 60, "test": 0, **({"earlier": 540} if table == "all" else {})}


def test_what_is_refitted_is_listed(shop, tmp_path):
    learn(shop, tmp_path / "first", "first", config=EVERYTHING)
    learn(shop, tmp_path / "both", "later", warm_start=tmp_path / "first")
    assert "refitted" not in read_manifest(tmp_path / "first").facts
    refitted = read_manifest(tmp_path / "both").facts["refitted"]
    assert refitted == ["priors of the histories (daily)", "click matrices (weekly)"]
    first, both = (load_tensors(tmp_path / name) for name in ("first", "both"))
    assert np.array_equal(first["blend"], both["blend"])  # three new days are too few for another
    assert np.array_equal(first["platt"], both["platt"])  # and hold fewer than 200 clicks


def test_a_continued_model_is_evaluated_on_its_test_day(shop, tmp_path):
    learn(shop, tmp_path / "first", "first")
    train(shop, tmp_path / "both", impressions=shop / "later.parquet", warm_start=tmp_path / "first")
    judged = evaluate(shop, tmp_path / "both", "auc", impressions=shop / "later.parquet")
    assert {m.n for m in judged if m.slice == "mixed"} == {ADS_A_DAY}


def test_two_new_days_are_enough_to_validate_and_to_test(shop, tmp_path):
    learn(shop, tmp_path / "first", "first")
    table = write_table("impressions", rows_of(range(9, 11)), tmp_path / "log.parquet")
    summary = train(shop, tmp_path / "both", impressions=table, warm_start=tmp_path / "first")
    assert summary.rows == {"train": 0, "valid": ADS_A_DAY, "test": ADS_A_DAY}


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"table": "first"}, DataError, "no new days: the model already covers everything up to 2024-03-09"),
        ({"table": "later", "source": "searches"}, UsageError, "was trained on another label or table"),
    ],
)
def test_what_cannot_be_gone_on_with(shop, tmp_path, options, error, problem):
    learn(shop, tmp_path / "first", "first")
    with pytest.raises(error, match=problem):
        learn(shop, tmp_path / "both", warm_start=tmp_path / "first", **options)
    assert not (tmp_path / "both").exists()


def test_several_passes_cannot_be_gone_on_with(shop, tmp_path):
    learn(shop, tmp_path / "first", "first", config=CtrConfig(bits=12, passes=2))
    with pytest.raises(UsageError, match="2 passes"):
        learn(shop, tmp_path / "both", "later", warm_start=tmp_path / "first")


def test_the_command_keeps_the_model_s_settings(shop, tmp_path, etsyml):
    learn(shop, tmp_path / "first", "first")
    place = [
        "-w",
        tmp_path,
        "train",
        "ctr",
        "--impressions",
        shop / "later.parquet",
        "--warm-start",
        tmp_path / "first",
    ]
    ended = etsyml(*place, "--set", "bits=9")
    assert (ended.code, "uses the settings of the given model" in ended.err) == (2, True)
    ended = etsyml(*place, "--listings", shop / "listings.parquet", "--out", tmp_path / "both", "--json")
    assert json.loads(ended.out)["rows"] == {"train": 120, "valid": 60, "test": 60}
