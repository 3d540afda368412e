"""A backtest equals training and evaluating on each day's past, with the rows of all days evaluated together."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.metrics.measurement import Measurement
from tests.ads.test_train import ADS_A_DAY, DAYS, LISTINGS, draw_log, evaluate, train, write_table

CONFIG = CtrConfig(bits=12, cold=45, days=3)  # of twenty ads some are cold, some warm
FIRST = date(2024, 3, 1)
Figures = dict[tuple[str, str, str], Measurement]


@pytest.fixture(scope="module")
def log() -> list[dict]:
    return draw_log()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, log: list[dict]) -> Path:
    root = tmp_path_factory.mktemp("shop")
    write_table("listings", LISTINGS, root / "listings.parquet")
    write_table("impressions", log, root / "impressions.parquet")
    train(root, root / "model", config=CONFIG)
    return root


def found(*args, **options) -> Figures:
    return {(m.slice, m.name, m.variant): m for m in evaluate(*args, **options)}


def day_after(first: int) -> str:
    return str(FIRST + timedelta(days=first))


def day_of(row: dict) -> int:
    return (row["created_at"].date() - FIRST).days


def of_day(figures: Figures, day: int) -> dict[tuple[str, str, str], float]:
    return {key: m.days.values[day_after(day)] for key, m in figures.items() if day_after(day) in m.days.values}


@pytest.mark.parametrize("day", [4, 5])
def test_a_day_is_evaluated_as_if_the_log_ended_there(shop: Path, log: list[dict], tmp_path: Path, day: int) -> None:
    cut = write_table("impressions", log[: (day + 1) * ADS_A_DAY], tmp_path / "cut.parquet")
    train(shop, tmp_path / "model", impressions=cut, config=CONFIG)
    expected = {key: m.value for key, m in found(shop, tmp_path / "model", impressions=cut).items()}
    assert of_day(found(shop, shop / "model", backtest=4), day) == expected
    assert {slice_ for slice_, _, _ in expected} == {"mixed", "cold", "warm"}


def test_rows_of_all_days_are_evaluated_together_with_their_spread(shop: Path) -> None:
    figures = found(shop, shop / "model", "logloss", "auc", backtest=3)
    for variant in ("baseline", "historical", "content", "ensemble"):
        loss = figures["mixed", "logloss", variant]
        values = list(loss.days.values.values())
        assert list(loss.days.values) == [day_after(day) for day in (5, 6, 7)]
        assert (loss.days.mean, loss.days.sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
        assert loss.value == pytest.approx(np.mean(values))  # days of equal length
    assert figures["mixed", "auc", "ensemble"].n == 3 * ADS_A_DAY
    assert figures["cold", "auc", "ensemble"].n + figures["warm", "auc", "ensemble"].n == 3 * ADS_A_DAY
    assert figures["mixed", "auc", "ensemble"].low > 0.6


def test_one_day_has_no_spread(shop: Path) -> None:
    days = found(shop, shop / "model", "auc", backtest=1)["mixed", "auc", "ensemble"].days
    assert list(days.values.values()) == [days.mean]
    assert np.isnan(days.sd)


def test_a_day_without_rows_is_none_to_test(shop: Path, log: list[dict], tmp_path: Path) -> None:
    table = write_table("impressions", [row for row in log if day_of(row) != 6], tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=CONFIG)
    figures = found(shop, tmp_path / "model", "auc", impressions=table, backtest=2)
    assert list(figures["mixed", "auc", "ensemble"].days.values) == [day_after(5), day_after(7)]


def test_a_day_of_one_class_has_no_figures_of_its_own(
    shop: Path, log: list[dict], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{**row, "clicked": 0} if day_of(row) == 6 else row for row in log]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=CONFIG)
    with caplog.at_level(logging.WARNING, "etsyml"):
        figures = found(shop, tmp_path / "model", "calibration", impressions=table, backtest=2)
    assert "2024-03-07, mixed ads: skipped, the 200 rows have only one class" in caplog.text
    ensemble = figures["mixed", "calibration", "ensemble"]
    assert (ensemble.n, list(ensemble.days.values)) == (2 * ADS_A_DAY, [day_after(7)])
    clicks = sum(row["clicked"] for row in log if day_of(row) == 7)
    assert (ensemble.observed.impressions, ensemble.observed.events) == (2 * ADS_A_DAY, clicks)


def test_days_that_hold_clicks_in_none_of_them(shop: Path, log: list[dict], tmp_path: Path) -> None:
    rows = [{**row, "clicked": 0} if day_of(row) >= 6 else row for row in log]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    train(shop, tmp_path / "model", impressions=table, config=CONFIG)
    with pytest.raises(DataError, match="the 400 rows to evaluate contain no click"):
        evaluate(shop, tmp_path / "model", "auc", impressions=table, backtest=2)


@pytest.mark.parametrize("number", [-1, 0, DAYS - 1])
def test_more_days_than_have_a_past(shop: Path, number: int) -> None:
    with pytest.raises(UsageError, match=rf"--backtest {number}: .* has 6 days to test, with two or more before them"):
        evaluate(shop, shop / "model", "auc", backtest=number)


def test_the_first_day_that_can_be_tested(shop: Path) -> None:
    assert len(found(shop, shop / "model", "auc", backtest=DAYS - 2)["mixed", "auc", "ensemble"].days.values) == 6


def test_a_model_without_test_set_can_be_evaluated_on_past_days(shop: Path, tmp_path: Path) -> None:
    train(shop, tmp_path / "model", holdout="none", config=CONFIG)
    assert found(shop, tmp_path / "model", "auc", backtest=2) == found(shop, shop / "model", "auc", backtest=2)


def test_label_and_limit_are_those_of_the_model(shop: Path, log: list[dict], tmp_path: Path) -> None:
    table = write_table(
        "impressions", [{**row, "converted": 1 - row["clicked"]} for row in log], tmp_path / "t.parquet"
    )
    train(shop, tmp_path / "model", impressions=table, label="converted", limit=len(log) // 2, config=CONFIG)
    figures = found(shop, tmp_path / "model", "auc", impressions=table, backtest=2)
    observed = figures["mixed", "auc", "ensemble"].observed
    kept = [1 - row["clicked"] for row in log[::2] if day_of(row) >= 6]
    assert (observed.impressions, observed.events) == (len(kept), sum(kept))


def test_any_variant_can_be_what_the_others_are_compared_with(shop: Path) -> None:
    usual, figures = (found(shop, shop / "model", "auc", baseline=name, backtest=2) for name in (None, "historical"))
    assert {key: m.value for key, m in figures.items()} == {key: m.value for key, m in usual.items()}
    ensemble, historical = (figures["mixed", "auc", variant] for variant in ("ensemble", "historical"))
    assert (historical.against, ensemble.against.baseline) == (None, "historical")
    assert ensemble.against.value == ensemble.value - historical.value
    with pytest.raises(UsageError, match="unknown --baseline historic") as error:
        evaluate(shop, shop / "model", "auc", baseline="historic")
    assert error.value.hint == "Did you mean 'historical'?"
