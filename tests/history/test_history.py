"""Historical features equal a slow reference, and no label leaks into a feature of its own day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from etsyml_cli.core.rng import generator
from etsyml_cli.history.history import FEATURES, LOG_AGE, LOG_SHOWN, MAX_LOG_ODDS, History, beta_prior

RATE, SHOWN, RECENT_RATE, RECENT_SHOWN, AGE = range(5)
WINDOW = 2


def keys_of(*values):
    return np.array(values, np.uint64)


def build_history(rows, days=WINDOW, end=None):
    """The history after rows of (day, key, clicks, impressions), and the features of each row, (N, 5)."""
    history = History(days, rows[0][0] if rows else 0)
    features = []
    for day, key, clicks, impressions in rows:
        history.begin(day)
        features.append(history.features(keys_of(key))[0])
        history.add(keys_of(key), np.array([float(clicks)]), np.array([float(impressions)]))
    if end is not None:
        history.begin(end)
    return history, np.array(features)


def slow_rate(past, key):
    prior = beta_prior(
        *(np.array([sum(r[i] for r in past if r[1] == k) for k in {r[1] for r in past}]) for i in (2, 3))
    )
    clicks, shown = (sum(row[i] for row in past if row[1] == key) for i in (2, 3))
    if prior is None:
        return 0.0
    p = (clicks + prior.mean * prior.weight) / (shown + prior.weight)
    return np.clip(np.log(p / (1 - p)) - np.log(prior.mean / (1 - prior.mean)), -MAX_LOG_ODDS, MAX_LOG_ODDS)


def slow_features(rows, day, key):
    """The features by definition, from all earlier rows."""
    past = [row for row in rows if row[0] < day]
    recent = [row for row in past if row[0] >= day - WINDOW]
    shown, shown_recently = (sum(row[3] for row in some if row[1] == key) for some in (past, recent))
    born = min((row[0] for row in past if row[1] == key), default=day)
    return [
        slow_rate(past, key),
        np.log1p(shown) / LOG_SHOWN,
        slow_rate(recent, key),
        np.log1p(shown_recently) / LOG_SHOWN,
        np.log1p(day - born) / LOG_AGE,
    ]


@st.composite
def logs(draw):
    rows = draw(
        st.lists(st.tuples(st.integers(3, 9), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1)
    )
    return sorted(((day, key, clicks, clicks + ignored + 1) for day, key, clicks, ignored in rows), key=lambda r: r[0])


@given(logs())
def test_features_equal_the_slow_reference(rows):
    _, features = build_history(rows)
    np.testing.assert_allclose(features, [slow_features(rows, day, key) for day, key, _, _ in rows], atol=1e-9)


@given(logs(), st.integers(3, 9), st.randoms(use_true_random=False))
def test_labels_of_a_day_do_not_change_features_up_to_that_day(rows, day, random):
    other = [(d, k, random.randint(0, n) if d >= day else c, n) for d, k, c, n in rows]
    n = sum(row[0] <= day for row in rows)
    np.testing.assert_array_equal(build_history(rows)[1][:n], build_history(other)[1][:n])


def test_labels_of_a_day_change_features_of_the_next_day():
    rows = [(1, 7, 1, 4), (1, 8, 0, 9), (2, 7, 0, 1)]
    other = [(1, 7, 3, 4), *rows[1:]]
    assert build_history(rows)[1][2, RATE] < build_history(other)[1][2, RATE]


def test_rows_of_equal_keys_can_be_added_together():
    at_once, one_by_one = History(WINDOW, 1), History(WINDOW, 1)
    rows = [(5, 1.0, 2.0), (4, 0.0, 3.0), (5, 0.0, 1.0)]
    at_once.add(keys_of(5, 4, 5), *(np.array([row[i] for row in rows]) for i in (1, 2)))
    for key, clicks, shown in rows:
        one_by_one.add(keys_of(key), np.array([clicks]), np.array([shown]))
    at_once.begin(2)
    one_by_one.begin(2)
    np.testing.assert_array_equal(at_once.counts, one_by_one.counts)
    assert at_once.shown(keys_of(4, 5, 6)).tolist() == [3, 3, 0]


def test_features_without_impressions_are_zero():
    history, _ = build_history([(1, 7, 1, 4)], end=2)
    assert history.features(keys_of(8)).tolist() == [[0] * len(FEATURES)]
    assert History(WINDOW, 1).features(keys_of(8)).tolist() == [[0] * len(FEATURES)]


def test_a_history_round_trips_through_its_tensors():
    history, _ = build_history([(1, 7, 1, 4), (1, 8, 0, 9), (3, 7, 2, 5)], end=4)
    kept = history.tensors()
    again = History(WINDOW, int(kept["today"][0]), kept["keys"], kept["counts"])
    np.testing.assert_array_equal(again.features(keys_of(7, 8, 9)), history.features(keys_of(7, 8, 9)))


def test_features_of_huge_counts_are_finite_and_bounded():
    history, _ = build_history([(1, 7, 10**12, 10**12), (1, 8, 0, 10**12), (2, 7, 1, 10**12)], end=3)
    features = history.features(keys_of(7, 8))
    assert np.all(np.isfinite(features))
    assert np.all(np.abs(features) <= MAX_LOG_ODDS)


@pytest.mark.parametrize(("mean", "weight"), [(0.05, 20.0), (0.3, 5.0), (0.02, 200.0)])
def test_the_prior_is_recovered_from_drawn_rates(mean, weight):
    rng = generator(0, "rates")
    shown = rng.integers(20, 2000, 20_000)
    clicks = betabinom.rvs(shown, mean * weight, (1 - mean) * weight, random_state=rng)
    prior = beta_prior(clicks.astype(float), shown.astype(float))
    assert prior.mean == pytest.approx(mean, rel=0.05)
    assert prior.weight == pytest.approx(weight, rel=0.1)


def test_keys_that_differ_by_chance_give_a_heavy_prior():
    rng = generator(0, "rates")
    shown = np.full(5000, 50)
    clicks = rng.binomial(shown, 0.1)
    assert beta_prior(clicks.astype(float), shown.astype(float)).weight > 1000


@pytest.mark.parametrize(("clicks", "shown"), [([], []), ([0.0, 0.0], [3.0, 0.0]), ([2.0], [2.0])])
def test_one_class_gives_no_prior(clicks, shown):
    assert beta_prior(np.array(clicks), np.array(shown)) is None
