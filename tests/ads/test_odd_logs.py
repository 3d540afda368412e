"""Logs as they should not be: what comes of them is right, or one clear error."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec import ValidationError, convert
from msgspec.structs import replace

from etsyml_cli.ads.columns import resolve_columns
from etsyml_cli.ads.config import AdFeatures, AdHistory, CtrConfig
from etsyml_cli.ads.log.day_totals import Averages
from etsyml_cli.ads.log.log import day_by_day, open_log
from etsyml_cli.ads.new_model import new_model
from etsyml_cli.ads.score import Inputs, score_rows
from etsyml_cli.ads.side_inputs import SideInputs
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.rng import generator
from etsyml_cli.io.model import load_json, load_tensors
from etsyml_cli.text.hashing import Numbers
from tests.ads.test_train import (
    ADS_A_DAY,
    CONFIG,
    DAYS,
    ad_shop,
    draw_log,
    evaluate,
    train,
    write_table,
)

NUMERIC = CtrConfig(bits=12, features=AdFeatures(numeric=("margin",)))
LOG = draw_log()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return ad_shop(tmp_path_factory.mktemp("shop"), LOG)


def changed(place: Path, row: int, **values) -> Path:
    """The log with other values in one row."""
    return write_table("impressions", [*LOG[:row], LOG[row] | values, *LOG[row + 1 :]], place / "changed.parquet")


def of_day(day: int, **values) -> list[dict]:
    """The log with other values in the rows of one day, counted from 1."""
    return [row | values if row["created_at"].day == day else row for row in LOG]


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize("day", [1, 7])
def test_a_feature_that_is_not_finite(shop, tmp_path, value, day):
    """In training rows, or only in test rows."""
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
    with pytest.raises(DataError, match="negative clicks or more clicks than impressions"):
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
    scored = list(score_rows(Inputs(tmp_path / "model", shop / "listings.parquet"), lines))
    assert all(0 < row["score"] < 1 for row in scored)
    assert scored[0]["score"] != scored[1]["score"]


@pytest.mark.parametrize("row", [b"{}", b'{"listing_id": "new", "query": "zyx"}', b'{"position": null, "shape": 3}'])
def test_a_row_of_which_nothing_was_seen_is_predicted_near_the_base_rate(shop, row):
    (scored,) = score_rows(Inputs(shop / "model", shop / "listings.parquet"), [row])
    rate = load_json(shop / "model", "metrics.json")["train"]["base_rate"]
    assert rate / 2 < scored["score"] < rate * 2


def weighed(place: Path, weights: list, column: str = "w") -> Path:
    """The log with a weight for each row."""
    rows = [row | {column: weight} for row, weight in zip(LOG, weights, strict=True)]
    return write_table("impressions", rows, place / "weighed.parquet")


def test_a_weight_of_a_column_that_no_table_declares_is_its_text_read_as_a_number(shop, tmp_path):
    weights = [1 + i % 3 for i in range(len(LOG))]
    for name, column, values in (("a", "w", map(str, weights)), ("b", "price", map(float, weights))):
        features = AdFeatures(numeric=())
        table = weighed(tmp_path, list(values), column)
        train(shop, tmp_path / name, impressions=table, config=CtrConfig(bits=12, features=features, weight=column))
    a, b = (load_tensors(tmp_path / name) for name in "ab")
    assert all(np.array_equal(a[name], b[name]) for name in b)


def test_a_weight_that_is_no_number(shop, tmp_path):
    table = weighed(tmp_path, ["1", "much", *["1"] * (len(LOG) - 2)])
    with pytest.raises(DataError, match="weight: 'w' has a value that is not a number"):
        train(shop, tmp_path / "model", impressions=table, config=CtrConfig(bits=12, weight="w"))


@pytest.mark.parametrize("column", ["clicked", "converted", "clicks", "impressions"])
def test_a_label_is_no_weight(shop, tmp_path, column):
    table = weighed(tmp_path, [row["clicked"] for row in LOG], column)
    with pytest.raises(UsageError, match=f"weight: '{column}' is a label or a count"):
        train(shop, tmp_path / "model", impressions=table, config=CtrConfig(bits=12, weight=column))


@pytest.mark.parametrize("column", ["title", "hour"])
def test_a_weight_that_only_a_listing_or_the_clock_has(shop, tmp_path, column):
    with pytest.raises(UsageError, match=f"weight: no numeric column '{column}' in the log"):
        train(shop, tmp_path / "model", config=CtrConfig(bits=12, weight=column))


@pytest.mark.parametrize("weight_of", [{}, {0: "1"}, {1: "1"}], ids=["none", "no clicks", "clicks only"])
def test_weights_that_leave_rows_of_one_class(shop, tmp_path, weight_of):
    table = weighed(tmp_path, [weight_of.get(row["clicked"], "0") for row in LOG])
    with pytest.raises(DataError, match="the training rows have clicks only or non-clicks only"):
        train(shop, tmp_path / "model", impressions=table, config=CtrConfig(bits=12, weight="w"))
    assert not (tmp_path / "model").exists()


def test_a_share_of_the_rows_without_a_click_that_leaves_none(shop, tmp_path):
    with pytest.raises(DataError, match="the training rows have clicks only or non-clicks only"):
        train(shop, tmp_path / "model", config=CtrConfig(bits=12, negatives=1e-6))


@pytest.mark.parametrize("setting", [{"negatives": 1e-300}, {"position": 1 << 31}])
def test_a_setting_beyond_what_numbers_hold(setting):
    with pytest.raises(ValidationError):
        convert(setting, CtrConfig)


def test_a_day_that_weighs_nothing_is_passed_over(shop, tmp_path):
    table = weighed(tmp_path, ["01"[row["created_at"].day != 4] for row in LOG])
    train(shop, tmp_path / "model", impressions=table, config=CtrConfig(bits=12, weight="w"))
    card = (tmp_path / "model" / "README.md").read_text()
    assert "2024-03-04 |" not in card
    assert "2024-03-05 |" in card


@pytest.mark.parametrize("clicked", [0, 1])
def test_a_model_continued_on_a_day_of_one_class_is_evaluated_by_its_earlier_rate(shop, tmp_path, clicked):
    whole = write_table("impressions", of_day(7, clicked=clicked), tmp_path / "log.parquet")
    before = write_table("impressions", LOG[: 6 * ADS_A_DAY], tmp_path / "before.parquet")
    train(shop, tmp_path / "first", impressions=before, holdout="none")
    train(shop, tmp_path / "next", impressions=whole, warm_start=tmp_path / "first")
    rates = [load_json(tmp_path / name, "metrics.json")["train"]["base_rate"] for name in ("first", "next")]
    assert rates[0] == rates[1]
    assert all(np.isfinite(m.value) for m in evaluate(shop, tmp_path / "next", impressions=whole))


def test_columns_that_sql_takes_for_one_or_for_its_own(shop, tmp_path):
    """Of a table out of order, which DuckDB sorts."""
    more = [row | {"Clicked": "x", "Query": str(i % 5), "file_row_number": str(i % 3)} for i, row in enumerate(LOG)]
    features = AdFeatures(categorical=("Query", "file_row_number"))
    config = CtrConfig(bits=12, features=features)
    swapped = [more[1], more[0], *more[2:]]
    for name, rows in (("in order", more), ("swapped", swapped)):
        times = [row["created_at"] for row in sorted(rows, key=lambda row: row["created_at"])]
        assert len(set(times)) == len(times)  # so that time alone gives the order
        table = write_table("impressions", rows, tmp_path / "log.parquet")
        train(shop, tmp_path / name, impressions=table, config=config)
    a, b = (load_tensors(tmp_path / name) for name in ("in order", "swapped"))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_further_columns_are_scored_as_they_are_ingested(shop, tmp_path):
    """`ingest` writes them as text: 2.0 as 2, true as true, a list as JSON."""
    rows = [row | {"margin": str(i % 7), "new": ["true", '["a"]'][i % 2]} for i, row in enumerate(LOG)]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    features = AdFeatures(numeric=("margin",), categorical=("new",))
    train(shop, tmp_path / "model", impressions=table, config=CtrConfig(bits=12, features=features))
    pairs = [
        (b'{"margin": 2.0}', b'{"margin": "2"}'),
        (b'{"new": true}', b'{"new": "true"}'),
        (b'{"new": ["a"]}', b'{"new": "[\\"a\\"]"}'),
        (b'{"new": " ", "shop_id": ""}', b"{}"),
    ]
    for given, ingested in pairs:
        found = list(score_rows(Inputs(tmp_path / "model", None), [given, ingested], explain=True))
        assert found[0]["score"] == found[1]["score"]
        assert found[0]["why"] == found[1]["why"]


def test_an_hour_is_the_row_s_own_or_else_that_of_its_time(shop, tmp_path):
    """For any values of the other rows."""
    config = CtrConfig(bits=12, features=AdFeatures(categorical=("hour",)))
    rows = [row | {"created_at": row["created_at"] + timedelta(hours=i % 24)} for i, row in enumerate(LOG)]
    table = write_table("impressions", sorted(rows, key=lambda row: row["created_at"]), tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=config)
    lines = [
        b'{"hour": 3}',
        b'{"created_at": "2024-03-09T05:00:00+02:00"}',
        b'{"hour": "3"}',
        b'{"hour": "noon"}',
        b"{}",
    ]
    scores = [one["score"] for one in score_rows(Inputs(tmp_path / "model", None), lines)]
    assert scores[0] == scores[1] == scores[2] != scores[3]
    assert scores[3] == scores[4]


@pytest.mark.parametrize("time", ["2024-03-09T05:00:00", "2024-03-09"])
def test_a_time_without_a_zone_is_none_to_score_as_to_ingest(shop, tmp_path, time):
    train(shop, tmp_path / "model", config=CtrConfig(bits=12, features=AdFeatures(categorical=("hour",))))
    line = b'{"created_at": "%s"}' % time.encode()
    with pytest.raises(InputError, match="line 1: created_at: expected a time with a time zone"):
        list(score_rows(Inputs(tmp_path / "model", None), [line]))


def knowing(rows: list[dict], place: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the histories say of each row, as the model learns day by day: their features, and earlier impressions."""
    log = open_log(write_table("impressions", rows, place), None)
    first = int(log.days()[0])
    history = AdHistory(click_svd=(("listing_id", "query"),))
    config = resolve_columns(replace(CONFIG, history=history, svd_dim=2), log.columns)
    model = new_model(config, SideInputs(None, None), Averages(0.3, 1), first)
    features, shown = [], []
    for batch in log.batches(["listing_id", "query", "position"], first, first + DAYS):
        for day, of_it in day_by_day(batch):
            model.begin(day)
            side = model.feature_rows(of_it).side
            features.append(np.hstack([_values(numbers) for numbers in side.numbers["historical"]]))
            shown.append(side.shown)
            model.learn(of_it)
    return np.vstack(features), np.concatenate(shown)


def _values(numbers: Numbers) -> np.ndarray:
    """The numbers of each row, (N, D), zeros for missing ones."""
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


def test_a_single_new_day_cannot_be_held_out(shop, tmp_path):
    before = write_table("impressions", LOG[: 7 * ADS_A_DAY], tmp_path / "before.parquet")
    train(shop, tmp_path / "first", impressions=before, holdout="none")
    with pytest.raises(DataError, match="1 new day after those of the model, too few for a test set"):
        train(shop, tmp_path / "next", warm_start=tmp_path / "first")
    train(shop, tmp_path / "next", warm_start=tmp_path / "first", holdout="none")
