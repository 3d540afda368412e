from __future__ import annotations

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, R, Success, nDCG

from etsyml_cli.metrics.recommendation import (
    PER_USER,
    best_match_cosine,
    coverage,
    gini,
    hits_of,
    in_long_tail,
    lists_of_users,
    log_likelihood,
    mean_of_places,
    of_shops,
    surprise,
)

N_LISTINGS = 12
Case = tuple[list[list[int]], list[set[int]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Ranked lists (-1 where there is none left) and held-out favorites, for one to five users."""
    n_users, k = draw(st.integers(1, 5)), draw(st.integers(1, N_LISTINGS))
    listings = range(N_LISTINGS)
    lists, held_out = [], []
    for _ in range(n_users):
        shown = draw(st.permutations(listings))[: draw(st.integers(0, k))]
        lists.append([*shown, *[-1] * (k - len(shown))])
        held_out.append(draw(st.sets(st.sampled_from(listings), min_size=1)))
    return lists, held_out


def arrays(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lists, held_out = case
    indptr = np.cumsum([0, *map(len, held_out)])
    indices = np.array([i for of_user in held_out for i in sorted(of_user)], np.int32)
    return np.array(lists, np.int32), indptr, indices


@given(cases())
def test_figures_per_user_are_those_of_trec_eval(case: Case) -> None:
    top, indptr, indices = arrays(case)
    k = top.shape[1]
    hits, held = hits_of(top, indptr, indices), np.diff(indptr)
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, of_user in enumerate(case[1]) for i in of_user]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(-rank))
        for u, shown in enumerate(case[0])
        for rank, i in enumerate(shown)
        if i >= 0
    ]
    peers = {"recall": R @ k, "hit": Success @ k, "ndcg": nDCG @ k, "map": AP @ k}
    for name, measure in peers.items():
        expected = {m.query_id: m.value for m in ir_measures.iter_calc([measure], qrels, run)}
        found = PER_USER[name](hits, held)
        for user in range(len(top)):
            assert found[user] == pytest.approx(expected.get(str(user), 0.0), abs=1e-12), name


def test_figures_per_user_by_hand() -> None:
    hits = hits_of(np.array([[4, 2, 9]], np.int32), np.array([0, 3]), np.array([2, 5, 9], np.int32))
    assert hits.tolist() == [[False, True, True]]
    held = np.array([3])
    assert PER_USER["recall"](hits, held)[0] == pytest.approx(2 / 3)
    assert PER_USER["hit"](hits, held)[0] == 1
    assert PER_USER["map"](hits, held)[0] == pytest.approx((1 / 2 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert PER_USER["ndcg"](hits, held)[0] == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal)


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


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20).filter(any))
def test_gini_is_half_the_mean_difference_over_the_mean(times: list[int]) -> None:
    differences = [abs(x - y) for x in times for y in times]
    expected = sum(differences) / len(times) ** 2 / (2 * sum(times) / len(times))
    assert gini(np.array(times)) == pytest.approx(expected, abs=1e-12)


def test_gini_by_hand() -> None:
    assert gini(np.array([3, 3, 3, 3])) == 0
    assert gini(np.array([0, 7, 0, 0])) == pytest.approx(3 / 4)
    assert gini(np.array([1, 0, 3, 0])) == pytest.approx(5 / 8)


def test_the_long_tail_is_all_but_the_most_favorited_hundredth() -> None:
    favorites = np.zeros(200, int)
    favorites[[7, 40, 120]] = [9, 5, 5]
    assert np.flatnonzero(in_long_tail(favorites) == 0).tolist() == [7, 120]
    assert in_long_tail(np.array([1, 4, 4])).tolist() == [1, 1, 0]


def test_surprise_counts_the_bits_of_a_favorite() -> None:
    assert surprise(np.array([8, 2, 1, 0]), 8).tolist() == [0, 2, 3, 3]


@given(cases())
def test_an_empty_place_counts_in_no_mean_over_a_list(case: Case) -> None:
    lists = [of_user for of_user in case[0] if of_user[0] >= 0]
    if not lists:
        return
    top = np.array(lists, np.int32)
    worth = np.arange(N_LISTINGS) ** 2
    expected = [np.mean([i**2 for i in of_user if i >= 0]) for of_user in lists]
    assert mean_of_places(worth[top], top) == pytest.approx(expected)


def test_a_users_shops_are_those_of_the_own_favorites() -> None:
    shop_of = np.array([0, 0, 1, 2, 9], np.int32)  # 4 is of a shop of its own
    top = np.array([[1, 3, 4], [1, 2, -1]], np.int32)
    found = of_shops(top, shop_of, np.array([0, 2, 3]), np.array([0, 4, 2], np.int32))
    assert found.tolist() == [[True, False, True], [False, True, False]]


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


def test_best_match_cosine_finds_styles_in_any_order_and_scale() -> None:
    planted = np.array([[1.0, 0, 0], [0, 1, 1]])
    learned = np.array([[0, 0.4, 0.4], [0, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(best_match_cosine(planted, learned), [1 / math.sqrt(2), 1])
