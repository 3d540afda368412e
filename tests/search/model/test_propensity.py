"""Position bias: the planted curve is recovered despite relevance, and incomparable positions are reported."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from etsyml_cli.core.errors import DataError
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.searches import DECAY, draw_searches
from etsyml_cli.sample.slices import examination
from etsyml_cli.sample.world import build_world
from etsyml_cli.search.model.propensity import Propensities, fit_propensities, inverse_propensity


def log_of(*rows):
    """Impressions from (group, position, how often shown, how often clicked)."""
    groups, positions, clicks = [], [], []
    for group, position, shown, clicked in rows:
        groups += [group] * shown
        positions += [position] * shown
        clicks += [True] * clicked + [False] * (shown - clicked)
    return np.array(groups), np.array(positions), np.array(clicks)


def raw_click_rates(position, clicked):
    """Clicks an impression at each position, relative to the top: relevance is in them as well as examination."""
    rates = np.bincount(position - 1, weights=clicked) / np.bincount(position - 1)
    return rates / rates[0]


@pytest.fixture(scope="module")
def ranked():
    """(group, position, clicked) of a marketplace whose pages are ranked by relevance."""
    config = SampleConfig(listings=120, users=1000, searches=400_000, page_size=8, pages="ranked")
    parts = list(draw_searches(build_world(config, seed=3)))
    query, listing, position, event = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("query", "listing", "position", "event")
    )
    return query * config.listings + listing, position, event > 0


def test_the_planted_curve_is_found_where_pages_are_ranked_by_relevance(ranked):
    planted = examination(8, DECAY)
    found = fit_propensities(*ranked)
    assert np.abs(found.examination - planted).max() < 0.05
    assert np.abs(raw_click_rates(*ranked[1:]) - planted).max() > 0.05


def test_neither_the_order_of_rows_nor_the_groups_codes_matter(ranked):
    group, position, clicked = (column[:20_000] for column in ranked)
    rows = np.random.default_rng(0).permutation(len(group))
    found, again = (
        fit_propensities(group, position, clicked),
        fit_propensities(7 * group[rows] + 1, position[rows], clicked[rows]),
    )
    assert found.examination.tobytes() == again.examination.tobytes()


def test_two_positions_with_equal_impressions_differ_as_their_clicks():
    found = fit_propensities(*log_of((5, 1, 10, 4), (5, 2, 10, 3), (9, 1, 6, 4), (9, 2, 6, 1)))
    assert found.examination.tolist() == pytest.approx([1, 4 / 8])
    assert found.impressions.tolist() == [16, 16]
    assert found.clicks.tolist() == [8, 4]


def test_exact_means_give_the_exact_curve():
    """Clicks that are γ_g·θ_k of the impressions on the dot, with each group shown otherwise."""
    log = log_of((0, 1, 10, 8), (0, 2, 20, 8), (1, 2, 10, 2), (1, 3, 40, 4), (2, 1, 10, 4), (2, 3, 10, 1))
    assert fit_propensities(*log).examination.tolist() == pytest.approx([1, 0.5, 0.25])


def slow_fit(group, position, clicked, k):
    """The conditional likelihood, each click written out, maximized by a general solver."""
    counts = {g: np.bincount(position[group == g] - 1, minlength=k) for g in set(group)}

    def surprise(log_ratios):
        θ = np.exp([0, *log_ratios])
        return -sum(
            np.log(θ[place - 1] / (counts[g] @ θ)) for g, place in zip(group[clicked], position[clicked], strict=True)
        )

    return np.exp([0, *minimize(surprise, np.zeros(k - 1), tol=1e-10).x])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_estimate_maximizes_the_conditional_likelihood(seed):
    rng = np.random.default_rng(seed)
    group, position = rng.integers(0, 6, 150), rng.integers(1, 5, 150)
    clicked = rng.random(150) < 0.6 / position**0.5
    found = fit_propensities(group, position, clicked)
    np.testing.assert_allclose(found.examination, slow_fit(group, position, clicked, 4), rtol=1e-4)


def test_groups_that_compare_nothing_inform_nothing():
    log = log_of((0, 1, 10, 8), (0, 2, 10, 4))
    more = log_of((0, 1, 10, 8), (0, 2, 10, 4), (1, 1, 50, 50), (2, 1, 30, 0), (2, 2, 30, 0))
    found, again = fit_propensities(*log), fit_propensities(*more)
    for name in ("examination", "impressions", "clicks"):
        assert getattr(found, name).tolist() == getattr(again, name).tolist()


def test_a_position_that_cannot_be_compared_takes_the_nearest_ones_value():
    compared = [(0, 1, 10, 8), (0, 2, 10, 4), (0, 6, 10, 2)]
    alone = [(1, 3, 9, 4), (1, 4, 9, 3), (2, 7, 5, 5), (0, 9, 10, 0)]
    found = fit_propensities(*log_of(*compared, *alone))
    assert found.examination.tolist() == pytest.approx([1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25])
    assert found.clicks.tolist() == [8, 4, 0, 0, 0, 2, 0, 0, 0]
    assert found.impressions.tolist() == [10, 10, 0, 0, 0, 10, 0, 0, 0]


def test_a_position_never_beaten_by_the_others_is_not_compared_with_them():
    """1 was clicked where 2 was shown but never the other way round: no finite ratio is the likeliest."""
    found = fit_propensities(*log_of((0, 1, 9, 5), (0, 2, 9, 0), (1, 2, 9, 6), (1, 3, 9, 3)))
    assert found.examination.tolist() == pytest.approx([1, 1, 0.5])
    assert found.clicks.tolist() == [0, 6, 3]


def test_positions_beyond_the_maximum_are_ignored():
    rows = (0, 1, 10, 8), (0, 2, 10, 4)
    log = log_of(*rows, (0, 3, 10, 2), (1, 2, 4, 2), (1, 3, 4, 1))
    found = fit_propensities(*log, max_position=2)
    assert found.examination.tolist() == fit_propensities(*log_of(*rows)).examination.tolist()


@pytest.mark.parametrize(
    "rows",
    [[], [(0, 1, 5, 0), (0, 2, 5, 0)], [(0, 1, 5, 2), (1, 2, 5, 2)], [(0, 1, 5, 2), (0, 2, 5, 0)]],
    ids=["no rows", "no clicks", "no group at two positions", "clicks at one position"],
)
def test_a_log_that_compares_nothing_is_refused(rows):
    columns = [column.astype(kind) for column, kind in zip(log_of(*rows), (int, int, bool), strict=True)]
    with pytest.raises(DataError, match="position bias cannot be estimated") as refused:
        fit_propensities(*columns)
    assert "longer log" in refused.value.hint


def test_weights_undo_the_bias_up_to_their_bound():
    propensities = Propensities(np.array([1, 0.5, 0.2, 0.01]), *np.ones((2, 4), np.int64))
    assert inverse_propensity(propensities, np.array([2, 1, 4, 3, 99])).tolist() == [2, 1, 10, 5, 10]
    assert inverse_propensity(propensities, np.array([2, 3]), most=3).tolist() == [2, 3]
