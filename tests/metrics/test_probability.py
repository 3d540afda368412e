from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from msgspec import UNSET

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.rng import generator
from etsyml_cli.metrics.names import MetricName, parse_metric
from etsyml_cli.metrics.probability import figures, measure
from tests.metrics.rows import judged_rows, unit_rows


@settings(deadline=None)
@given(judged_rows())
def test_an_aggregate_is_its_impressions(rows):
    labels, scores, weights = unit_rows(*rows)
    repeats = weights.astype(int)
    one_by_one = np.repeat(scores, repeats), np.repeat(labels, repeats).astype(float), np.ones(repeats.sum())
    assert figures(*rows) == pytest.approx(figures(*one_by_one), abs=1e-12)


def test_a_worked_example():
    p, y = np.array([0.9, 0.6, 0.6, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    found = figures(p, y, np.ones(4))
    loss = -(math.log(0.9) + math.log(0.6) + math.log(0.4) + math.log(0.9)) / 4
    assert found == pytest.approx(
        {"auc": 3.5 / 4, "logloss": loss, "ne": loss / math.log(2), "calibration": 2.2 / 2}, abs=1e-12
    )


def test_a_constant_ranks_nothing_and_the_base_rate_has_ne_one():
    clicks = (np.arange(100) % 4 == 0).astype(float)
    found = figures(np.full(100, 0.25), clicks, np.ones(100))
    assert found["auc"] == 0.5
    assert found["ne"] == pytest.approx(1, abs=1e-12)
    assert found["calibration"] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("p", "clicks", "message"),
    [
        ([0.1, 0.2], [0.0, 0.0], "no click"),
        ([0.1, 0.2], [1.0, 1.0], "clicks only"),
        ([0.1, math.nan], [1.0, 0.0], "NaN"),
        ([0.1, 1.2], [1.0, 0.0], "outside"),
        ([], [], "no rows"),
    ],
)
def test_rows_that_cannot_be_evaluated(p, clicks, message):
    with pytest.raises(DataError, match=message):
        figures(np.array(p), np.array(clicks), np.ones(len(p)))


def names_of(names: list[str]) -> list[MetricName]:
    return [*map(parse_metric, names)]


def drawn(n, seed=0):
    rng = generator(seed, "rows")
    p = rng.uniform(0.01, 0.4, n)
    return p, (rng.random(n) < p).astype(float), np.ones(n)


def test_measurements_hold_value_interval_and_paired_difference():
    p, clicks, shown = drawn(2000)
    variants = {"baseline": np.full(2000, 0.2), "content": p}
    names = ["auc", "logloss", "ne", "calibration"]
    measured = measure(names_of(names), variants, clicks, shown, slice_="mixed", seed=1)
    assert [(m.name, m.variant) for m in measured] == [(name, v) for name in names for v in variants]
    by_name = {(m.name, m.variant): m for m in measured}
    assert {name: by_name[name, "content"].value for name in names} == figures(p, clicks, shown)
    for m in measured:
        assert m.low <= m.value <= m.high
        assert (m.slice, m.n) == ("mixed", 2000)
        assert (m.against is None) == (m.variant == "baseline")
    better = by_name["logloss", "content"].against
    assert better.baseline == "baseline"
    assert better.value == by_name["logloss", "content"].value - by_name["logloss", "baseline"].value
    assert better.low < better.value < better.high < 0


def test_the_same_variant_differs_from_itself_by_nothing():
    p, clicks, shown = drawn(300)
    _, twin = measure(names_of(["auc"]), {"baseline": p, "twin": p}, clicks, shown, slice_="mixed", seed=0)
    assert (twin.against.value, twin.against.low, twin.against.high) == (0, 0, 0)


def test_the_seed_decides_the_interval():
    p, clicks, shown = drawn(200)

    def of(seed):
        return measure(names_of(["auc"]), {"content": p}, clicks, shown, slice_="mixed", seed=seed)

    assert of(1) == of(1) != of(2)


def test_the_interval_is_as_wide_as_the_binomial_one():
    """Calibration of a constant: 1/observed clicks, whose relative spread is about 1/√clicks."""
    _, clicks, shown = drawn(20_000)
    (found,) = measure(
        names_of(["calibration"]), {"content": np.full(20_000, 0.2)}, clicks, shown, slice_="mixed", seed=0
    )
    rate = clicks.mean()
    expected = 2 * 1.96 * found.value * math.sqrt((1 - rate) / clicks.sum())
    assert found.high - found.low == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("events", [19, 20])
def test_an_interval_needs_twenty_events(events):
    p, clicks = np.full(400, 0.1), np.repeat([1.0, 0.0], [events, 400 - events])
    measured = measure(names_of(["auc", "ne"]), {"a": p, "b": p / 2}, clicks, np.ones(400), slice_="mixed", seed=0)
    ends = [end for m in measured for one in (m, m.against) if one for end in (one.low, one.high)]
    assert len(ends) == 12
    if events < 20:
        assert set(ends) == {None}
        assert {m.note for m in measured} == {"no interval: 19 events, fewer than 20"}
    else:
        assert None not in ends
        assert {m.note for m in measured} == {UNSET}
