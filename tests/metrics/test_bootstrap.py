from __future__ import annotations

import msgspec
import numpy as np
import pytest

from etsyml_cli.metrics.bootstrap import compared, compared_means, resampled


def test_the_interval_of_a_mean_is_that_of_the_normal_law_for_many_units() -> None:
    values = np.random.default_rng(0).normal(5, 2, 4000)
    [found] = compared_means("m", {"only": values}, seed=1)
    half = 1.96 * values.std() / np.sqrt(4000)
    assert (found.value, found.n, found.against) == (values.mean(), 4000, None)
    assert [found.low, found.high] == pytest.approx([values.mean() - half, values.mean() + half], abs=half / 5)


def test_differences_are_paired_with_the_first_variant() -> None:
    base = np.random.default_rng(0).normal(0, 100, 200)
    shown, better = compared_means("m", {"shown": base, "better": base + 1}, seed=1)
    assert shown.against is None and better.against is not None
    assert better.against.baseline == "shown"
    assert [better.against.value, better.against.low, better.against.high] == pytest.approx([1, 1, 1])
    assert better.high - better.low > 10


def test_means_are_one_case_of_any_statistic() -> None:
    values = {"a": np.arange(50.0), "b": np.arange(50.0) ** 2}
    draws = {name: resampled(lambda drawn, v=v: float(v[drawn].mean()), 50, seed=4) for name, v in values.items()}
    means = {name: float(v.mean()) for name, v in values.items()}
    a, b = compared_means("m", values, seed=4)
    b.against = msgspec.structs.replace(b.against, p_value=None, gained=None, lost=None)
    assert compared("m", means, draws, 50) == [a, b]


def test_fewer_than_twenty_units_have_no_interval() -> None:
    for n in (19, 20):
        measured = compared_means("m", {"a": np.arange(n) / n, "b": np.ones(n)}, seed=1)
        ends = [measured[0].low, measured[1].high, measured[1].against.low]
        assert (None in ends, measured[0].note != msgspec.UNSET) == (n < 20, n < 20)
        encoded = msgspec.json.decode(msgspec.json.encode(measured[0]))
        assert (encoded["low"] is None, "note" in encoded) == (n < 20, n < 20)
