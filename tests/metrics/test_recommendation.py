from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.metrics.definitions.coverage import coverage
from etsyml_cli.metrics.recommendation import hits_of, lists_of_users, log_likelihood, mean_of_places
from tests.metrics.lists import N_LISTINGS, Case, arrays, cases


def test_an_empty_place_is_no_hit_of_the_user_before() -> None:
    top = np.array([[0], [-1]], np.int32)
    assert hits_of(top, np.array([0, 1, 2]), np.array([7, 7], np.int32)).tolist() == [[False], [False]]


@given(cases(), st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_over_listings_a_user_who_is_drawn_twice_counts_twice(case: Case, drawn: list[int]) -> None:
    top, _, _ = arrays(case)
    draws = [user % len(top) for user in drawn]
    times = lists_of_users(top, N_LISTINGS) @ np.bincount(draws, minlength=len(top))
    shown = [i for user in draws for i in case[0][user] if i >= 0]
    assert times.tolist() == [shown.count(i) for i in range(N_LISTINGS)]
    assert coverage(times) == pytest.approx(len(set(shown)) / N_LISTINGS)


@given(cases())
def test_an_empty_place_counts_in_no_mean_over_a_list(case: Case) -> None:
    lists = [of_user for of_user in case[0] if of_user[0] >= 0]
    if not lists:
        return
    top = np.array(lists, np.int32)
    worth = np.arange(N_LISTINGS) ** 2
    expected = [np.mean([i**2 for i in of_user if i >= 0]) for of_user in lists]
    assert mean_of_places(worth[top], top) == pytest.approx(expected)


def test_log_likelihood_is_that_of_the_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etsyml_cli.metrics.recommendation.PAIRS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    theta = rng.dirichlet(np.ones(3), 5).astype(np.float32)
    beta = rng.dirichlet(np.ones(6), 3).astype(np.float32)
    unigram = rng.dirichlet(np.ones(6))
    users, listings = rng.integers(0, 5, 30), rng.integers(0, 6, 30).astype(np.int32)
    expected = [
        math.log(0.99 * sum(float(theta[u, k]) * float(beta[k, w]) for k in range(3)) + 0.01 * unigram[w])
        for u, w in zip(users, listings, strict=True)
    ]
    np.testing.assert_allclose(log_likelihood(theta, beta, unigram, users, listings), expected, rtol=1e-6)


def test_a_favorite_that_no_style_holds_has_the_unigrams_hundredth() -> None:
    one = np.ones((1, 1), np.float32)
    found = log_likelihood(one, np.array([[1, 0]], np.float32), np.array([0.5, 0.5]), np.array([0]), np.array([1]))
    assert found[0] == pytest.approx(math.log(0.005))
