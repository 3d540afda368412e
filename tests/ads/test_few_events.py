"""A few events do not move predictions, and rows of equal time are learned in an order of their own."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from etsyml_cli.ads.log.log import open_log
from etsyml_cli.ads.log.row_order import ordered
from etsyml_cli.core.rng import generator
from etsyml_cli.io.model import load_json, load_tensors
from tests.ads.test_train import ADS_A_DAY, DAYS, ad_shop, draw_log, evaluate, train, write_table

LAST = (DAYS - 2) * ADS_A_DAY  # the first row of the last training day
LOG = draw_log()
AT_MIDNIGHT = [row | {"created_at": row["created_at"].replace(hour=0, minute=0, second=0)} for row in LOG]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return ad_shop(tmp_path_factory.mktemp("shop"), LOG)


def with_last_day(place: Path, clicks: int, others: int) -> Path:
    """The log with this many rows on the last training day."""
    day = LOG[LAST : LAST + ADS_A_DAY]
    kept = [row for row in day if row["clicked"]][:clicks] + [row for row in day if not row["clicked"]][:others]
    return write_table("impressions", [*LOG[:LAST], *kept, *LOG[LAST + ADS_A_DAY :]], place / "log.parquet")


def calibration(shop: Path, place: Path, table: Path) -> float:
    train(shop, place / "model", impressions=table)
    judged = evaluate(shop, place / "model", "calibration", impressions=table)
    return next(m.value for m in judged if (m.variant, m.slice) == ("ensemble", "mixed"))


@pytest.mark.parametrize(("clicks", "others"), [(4, 0), (0, 4), (6, 2)])
def test_a_last_day_of_a_few_rows_hardly_moves_predictions(shop, tmp_path, clicks, others):
    for name in ("without", "few"):
        (tmp_path / name).mkdir()
    without = calibration(shop, tmp_path / "without", with_last_day(tmp_path / "without", 0, 0))
    few = calibration(shop, tmp_path / "few", with_last_day(tmp_path / "few", clicks, others))
    assert few == pytest.approx(without, rel=0.03)


def test_the_calibration_is_fitted_to_days_of_200_events_or_not_at_all(shop, tmp_path):
    table = with_last_day(tmp_path, 3, 1)
    train(shop, tmp_path / "model", impressions=table)
    days = load_json(tmp_path / "model", "metrics.json")["fitted_on"]["calibration"]
    clicks = {day["day"]: day["clicks"] for day in load_json(tmp_path / "model", "metrics.json")["progressive"]}
    assert sum(clicks[day] for day in days) >= 200 > sum(clicks[day] for day in days[1:])
    rare = [row | {"clicked": int(row["clicked"] and i % 10 == 0)} for i, row in enumerate(LOG)]
    train(shop, tmp_path / "rare", impressions=write_table("impressions", rare, tmp_path / "rare.parquet"))
    tensors = load_tensors(tmp_path / "rare")
    assert tensors["platt"].tolist() == [1, 0]
    assert tensors["blend"].tolist() == [0.5, 0.5, 0, 0]


def test_small_parts_are_warned_of(shop, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "etsyml"):
        train(shop, tmp_path / "whole", force=True)
        assert "part has only" not in caplog.text
        train(shop, tmp_path / "few", impressions=with_last_day(tmp_path, 0, 1))
    assert "the validation part has only 0 clicks: its metrics mean little" in caplog.text
    assert "the validation part has only 1 rows; a usual day of the log has 200" in caplog.text
    assert "the test part" not in caplog.text


def test_the_order_of_rows_of_equal_time_in_the_file_does_not_matter(shop, tmp_path):
    shuffled = [AT_MIDNIGHT[i] for i in generator(1, "order").permutation(len(LOG))]
    of_day = [sorted(rows, key=lambda row: (row["created_at"], row["clicked"])) for rows in (AT_MIDNIGHT, shuffled)]
    logs = {"stored": AT_MIDNIGHT, "shuffled": shuffled, "non-clicks first": of_day[0], "too": of_day[1]}
    for name, rows in logs.items():
        train(shop, tmp_path / name, impressions=write_table("impressions", rows, tmp_path / f"{name}.parquet"))
    expected = load_tensors(tmp_path / "stored")
    for name in logs:
        found = load_tensors(tmp_path / name)
        for tensor, values in expected.items():
            assert np.array_equal(values, found[tensor]), (name, tensor)


def test_equal_times_are_mixed_by_the_seed(tmp_path):
    rows = sorted(AT_MIDNIGHT, key=lambda row: (row["created_at"], row["clicked"]))
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    ids = []
    for seed in (0, 1):
        log = open_log(table, None, seed=seed)
        days = log.days().tolist()
        batches = [*log.batches(["impression_id"], days[0], days[-1] + 1)]
        ids.append([one for batch in batches for one in batch.column("impression_id").to_pylist()])
        clicks = np.concatenate([batch.column("clicked").to_numpy() for batch in batches])
        runs = np.count_nonzero(np.diff(clicks))
        assert runs > len(LOG) / 4  # sorted by label there are 15
        assert [*map(len, (ids[-1], set(ids[-1])))] == [len(LOG)] * 2
    assert ids[0] != ids[1]


def test_equal_rows_of_either_label_are_mixed_too_whatever_the_batches():
    """Without ids rows are equal but for their label, and would be sorted by its hash."""
    n = 3000
    time = pa.array(
        [LOG[0]["created_at"]] * n + [LOG[0]["created_at"] + timedelta(seconds=1)], pa.timestamp("us", "UTC")
    )
    clicked = [1] * (n // 2) + [0] * (n // 2) + [1]
    rows = pa.record_batch({"created_at": time, "query": ["mug"] * (n + 1), "clicked": pa.array(clicked, pa.int8())})

    def order(size: int) -> list[int]:
        parts = (rows.slice(start, size) for start in range(0, n + 1, size))
        return [value for batch in ordered(parts, 0, 1000) for value in batch.column("clicked").to_pylist()]

    assert order(n + 1) == order(700)
    assert sum(order(n + 1)[: n // 2]) == pytest.approx(n / 4, rel=0.1)
