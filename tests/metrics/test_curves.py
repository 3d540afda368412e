from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve, roc_curve

from etsyml_cli.metrics.curves import curves, equal_groups, rates_of

ALL = 10**6  # more than there are thresholds


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 40, n) / 50  # with ties
    return p, (rng.random(n) < p).astype(float)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_curves_are_those_of_scikit_learn(seed: int) -> None:
    p, clicks = drawn(seed)
    found = curves(p, clicks, np.ones(len(p)), ALL)
    false_positives, recall, _ = roc_curve(clicks, p, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positives, false_positives)
    np.testing.assert_allclose(found.recall, recall)
    precision, of_recall, _ = precision_recall_curve(clicks, p)
    np.testing.assert_allclose(found.precision, precision[::-1])
    np.testing.assert_allclose(found.recall, of_recall[::-1])


def test_a_row_of_many_impressions_is_as_many_rows() -> None:
    p, clicks, impressions = np.array([0.1, 0.4, 0.3]), np.array([1.0, 2.0, 0.0]), np.array([5.0, 3.0, 2.0])
    apart = np.repeat(p, impressions.astype(int))
    clicked = np.array([1.0, 0, 0, 0, 0, 1, 1, 0, 0, 0])
    for one, other in zip(curves(p, clicks, impressions, ALL), curves(apart, clicked, np.ones(10), ALL), strict=True):
        np.testing.assert_allclose(one, other)


def test_fewer_points_lie_on_the_same_curve() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(5000)
    clicks = (rng.random(5000) < p).astype(float)
    whole, thinned = curves(p, clicks, np.ones(5000), ALL), curves(p, clicks, np.ones(5000), 100)
    assert len(thinned.recall) <= 102
    points = set(zip(*(part.tolist() for part in whole), strict=True))
    assert set(zip(*(part.tolist() for part in thinned), strict=True)) <= points
    assert (thinned.recall[-1], thinned.false_positives[-1]) == (1, 1)
    assert np.diff(thinned.recall).max() < 0.05


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 12))
def test_groups_keep_equals_together_and_order(values: list[int], n: int) -> None:
    of = np.array(values, float)
    groups = equal_groups(of, n)
    assert set(groups.tolist()) == set(range(groups.max() + 1)) and groups.max() < n
    for a, b in zip(np.argsort(of, kind="stable")[:-1], np.argsort(of, kind="stable")[1:], strict=True):
        assert groups[a] <= groups[b]
        assert of[a] != of[b] or groups[a] == groups[b]


def test_groups_of_different_values_are_of_one_size() -> None:
    groups = equal_groups(np.random.default_rng(4).permutation(1000).astype(float), 10)
    assert np.ptp(np.bincount(groups)) <= 1


def test_rates_of_groups_have_wilsons_interval() -> None:
    clicks, impressions = np.array([3.0, 1.0, 0.0]), np.array([10.0, 30.0, 20.0])
    found = rates_of(np.array([0, 0, 1]), np.array([0.2, 0.1, 0.05]), clicks, impressions)
    np.testing.assert_allclose(found.predicted, [5 / 40, 0.05])
    np.testing.assert_allclose(found.observed, [0.1, 0])
    for group, (k, n) in enumerate([(4, 40), (0, 20)]):
        interval = binomtest(k, n).proportion_ci(method="wilson")
        assert (found.low[group], found.high[group]) == pytest.approx((interval.low, interval.high), abs=1e-6)
