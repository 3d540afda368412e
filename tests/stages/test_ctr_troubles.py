"""Logs as they should not be: what comes of them is right, or one clear error."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.rng import generator
from etsyml_cli.features.hashing import Numbers
from etsyml_cli.io.model import load_json
from etsyml_cli.models.ctr.columns import fed_by
from etsyml_cli.models.ctr.config import AdFeatures, AdHistory, CtrConfig
from etsyml_cli.stages.ctr_listings import Beside
from etsyml_cli.stages.ctr_log import Averages, day_by_day, open_log
from etsyml_cli.stages.ctr_store import new_model
from etsyml_cli.stages.score import score_rows
from tests.stages.test_ctr_stages import ADS_A_DAY, CONFIG, DAYS, LISTINGS, draw_log, evaluate, train, write_table

NUMERIC = CtrConfig(bits=12, features=AdFeatures(numeric=("margin",)))
LOG = draw_log()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    write_table("listings", LISTINGS, root / "listings.parquet")
    write_table("impressions", LOG, root / "impressions.parquet")
    train(root, root / "model")
    return root


def changed(place: Path, row: int, **values) -> Path:
    """The log with other values in one row."""
    return write_table("impressions", [*LOG[:row], LOG[row] | values, *LOG[row + 1 :]], place / "changed.parquet")


def of_day(day: int, **values) -> list[dict]:
    """The log with other values in the rows of one day, counted from 1."""
    return [row | values if row["created_at"].day == day else row for row in LOG]


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize("day", [1, 7])
def test_a_feature_that_is_not_finite(shop, tmp_path, value, day):
    """Whether a row of it is learned, or only judged."""
    row = (day - 1) * ADS_A_DAY + 3
    rows = [one | {"margin": value if i == row else "0.5"} for i, one in enumerate(LOG)]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"features\.numeric: 'margin' has a value that is NaN or infinite"):
        train(shop, tmp_path / "model", impressions=table, config=NUMERIC)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("labels", [{"clicked": 2}, {"clicked": -1}])
@pytest.mark.parametrize("day", [1, 7, 8])
def test_a_label_that_is_none(shop, tmp_path, labels, day):
    table = changed(tmp_path, (day - 1) * ADS_A_DAY + 3, **labels)
    with pytest.raises(DataError, match="clicks below 0 or above its impressions"):
        train(shop, tmp_path / "model", impressions=table)
        evaluate(shop, tmp_path / "model", impressions=table)


@pytest.mark.parametrize("clicked", [0, 1])
@pytest.mark.parametrize("day", [1, 4, 6, 7])
def test_a_day_of_one_class(shop, tmp_path, day, clicked):
    table = write_table("impressions", of_day(day, clicked=clicked), tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table)
    mixed = {
        (m.name, m.variant): m for m in evaluate(shop, tmp_path / "model", impressions=table) if m.slice == "mixed"
    }
    assert all(0 <= m.value < 10 for m in mixed.values())
    assert mixed["auc", "ensemble"].value > 0.6


@pytest.mark.parametrize("missing", [(1,), (4,), (7,), (2, 3, 4, 5, 6, 7), (2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 7)])
def test_days_without_rows_are_passed_over(shop, tmp_path, missing):
    rows = [row for row in LOG if row["created_at"].day not in missing]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=CtrConfig(bits=12, cold=1))
    learned = load_json(tmp_path / "model", "metrics.json")
    assert learned["train"]["rows"] == (DAYS - 1 - len(missing)) * ADS_A_DAY
    assert bool(learned["valid"]) == (len(missing) < DAYS - 2)  # a day is validated on if one is left to train on
    judged = evaluate(shop, tmp_path / "model", "auc", impressions=table)
    assert next(m.n for m in judged if m.variant == "ensemble") == ADS_A_DAY


def test_a_month_without_rows_before_the_day_that_validates(shop, tmp_path):
    """The blend is fitted on the last days that have rows, however long ago."""
    month = timedelta(days=30)
    rows = [row | {"created_at": row["created_at"] - month * (row["created_at"].day < 7)} for row in LOG]
    train(shop, tmp_path / "model", impressions=write_table("impressions", rows, tmp_path / "log.parquet"))
    learned, unbroken = (load_json(model, "metrics.json") for model in (tmp_path / "model", shop / "model"))
    assert learned["train"] == unbroken["train"]
    assert learned["blend"]["weights"] == unbroken["blend"]["weights"]


def test_a_column_that_is_unseen_when_the_model_is_trained(shop, tmp_path):
    with pytest.raises(UsageError, match=r"features\.numeric: no column 'margin'"):
        train(shop, tmp_path / "model", config=NUMERIC)


def test_a_column_that_is_unseen_when_rows_are_scored(shop, tmp_path):
    """Rows that lack it are scored by the others."""
    rows = [row | {"margin": str(i % 7)} for i, row in enumerate(LOG)]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=NUMERIC)
    lines = [b'{"listing_id": "L1", "query": "mug", "position": 1}', b'{"listing_id": "L1", "margin": "3"}']
    scored = list(score_rows(model=tmp_path / "model", rows=lines, listings=shop / "listings.parquet"))
    assert all(0 < row["score"] < 1 for row in scored)
    assert scored[0]["score"] != scored[1]["score"]


@pytest.mark.parametrize("row", [b"{}", b'{"listing_id": "new", "query": "zyx"}', b'{"position": null, "shape": 3}'])
def test_a_row_of_which_nothing_was_seen_is_predicted_near_the_base_rate(shop, row):
    (scored,) = score_rows(model=shop / "model", rows=[row], listings=shop / "listings.parquet")
    rate = load_json(shop / "model", "metrics.json")["train"]["base_rate"]
    assert rate / 2 < scored["score"] < rate * 2


def knowing(rows: list[dict], place: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the histories say of each row, as the model learns day by day: their features, and earlier impressions."""
    log = open_log(write_table("impressions", rows, place), None)
    first = int(log.days()[0])
    history = AdHistory(click_svd=(("listing_id", "query"),))
    config = fed_by(replace(CONFIG, history=history, svd_dim=2), log.columns)
    model = new_model(config, Beside(None, None), Averages(0.3, 1), first)
    features, shown = [], []
    for batch in log.batches(["listing_id", "query", "position"], first, first + DAYS):
        for day, of_it in day_by_day(batch):
            model.begin(day)
            known = model.known(of_it, model.keys(of_it))
            features.append(np.hstack([_values(numbers) for numbers in known.numbers["historical"]]))
            shown.append(known.shown)
            model.learn(of_it)
    return np.vstack(features), np.concatenate(shown)


def _values(numbers: Numbers) -> np.ndarray:
    """The numbers of each row, (N, D), zeros where it has none."""
    return np.vstack([numbers.x, np.zeros(len(numbers.names))])[numbers.codes]


@pytest.mark.parametrize("day", range(1, DAYS))
def test_shuffled_labels_of_a_day_change_no_feature_up_to_that_day(tmp_path, day):
    of_it = slice((day - 1) * ADS_A_DAY, day * ADS_A_DAY)
    labels = generator(day, "shuffle").permutation([row["clicked"] for row in LOG[of_it]])
    shuffled = [row | {"clicked": int(label)} for row, label in zip(LOG[of_it], labels, strict=True)]
    before = knowing(LOG, tmp_path / "log.parquet")
    after = knowing([*LOG[: of_it.start], *shuffled, *LOG[of_it.stop :]], tmp_path / "shuffled.parquet")
    assert np.array_equal(before[0][: of_it.stop], after[0][: of_it.stop])
    assert not np.array_equal(before[0][of_it.stop :], after[0][of_it.stop :])
    assert np.array_equal(before[1], after[1])
