"""Similar users against sorting all cosines, whatever finds the candidates."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.personalization.similar_profiles import hyperplanes
from etsyml_cli.personalization.similar_profiles import search as module
from etsyml_cli.personalization.similar_profiles.hyperplanes import Tables, choose_tables, lists_of_buckets
from etsyml_cli.personalization.similar_profiles.lists import unit_rows
from etsyml_cli.personalization.similar_profiles.search import METHODS, SearchResult, similar_users


def profiles(n_users: int, n_styles: int = 24, seed: int = 0) -> np.ndarray:
    """Of a few styles each, some styles popular."""
    rng = np.random.default_rng(seed)
    popular = rng.gamma(1.0, 1.0, n_styles)
    theta = rng.dirichlet(3 * popular / popular.sum() + 0.01, n_users) + 1e-6
    return (theta / theta.sum(axis=1, keepdims=True)).astype(np.float32)


def everyone(theta: np.ndarray) -> np.ndarray:
    return np.arange(len(theta), dtype=np.int32)


def cosines_of(theta: np.ndarray) -> np.ndarray:
    """All of them, (U, U), -inf with oneself."""
    wide = theta.astype(np.float64)
    cosines = wide @ wide.T / np.outer(*2 * [np.sqrt((wide**2).sum(axis=1))])
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def check_lists(found: SearchResult, theta: np.ndarray, asked: np.ndarray) -> None:
    """Nobody twice nor in their own list, scores are cosines, best first, ties by the higher user."""
    cosines = cosines_of(theta)
    for user, near, scores in zip(asked, *found.lists, strict=True):
        some = near >= 0
        assert user not in near and len(set(near[some])) == some.sum()
        np.testing.assert_allclose(scores[some], cosines[user, near[some]], atol=3e-7)
        assert list(zip(scores, near, strict=True)) == sorted(zip(scores, near, strict=True), reverse=True)
        assert np.isneginf(scores[~some]).all()


@pytest.mark.parametrize("k", [1, 10, 150, 699])
def test_exact_lists_are_those_of_sorting_everyone(k: int) -> None:
    theta = profiles(700)
    asked = np.array([699, 3, 350], np.int32)
    found = similar_users(theta, asked, k, method="exact")
    expected = -np.sort(-cosines_of(theta)[asked], axis=1)[:, :k]
    assert found.method == "exact" and found.lists.users.shape == (3, k)
    np.testing.assert_allclose(found.lists.cosines, expected, atol=3e-7)
    check_lists(found, theta, asked)


@pytest.mark.parametrize("method", ["lsh", "minhash"])
def test_approximate_methods_rank_exactly_and_report_their_recall(method: str) -> None:
    theta = profiles(6000)
    found = similar_users(theta, everyone(theta), 10, method=method, seed=3)
    tenth = -np.sort(-cosines_of(theta), axis=1)[:, 9:10]
    true_recall = (found.lists.cosines >= tenth - 1e-6).mean()
    assert (found.method, found.measured) == (method, 500)
    assert found.recall == pytest.approx(true_recall, abs=0.03)
    assert found.recall > (0.94 if method == "lsh" else 0.6)
    check_lists(found, theta, everyone(theta))


def test_tables_reach_their_target_and_compare_with_few() -> None:
    theta = profiles(6000)
    lists = {target: similar_users(theta, everyone(theta), 10, method="lsh", target=target) for target in (0.6, 0.98)}
    assert 0.6 <= lists[0.6].recall < 0.98 <= lists[0.98].recall
    for found in lists.values():
        assert 0 < found.tables < 2**found.bits / 2


def test_hyperplanes_are_used_for_many_users_only(monkeypatch: pytest.MonkeyPatch) -> None:
    theta = profiles(3000)
    assert similar_users(theta, everyone(theta), 5).method == "exact"
    monkeypatch.setattr(module, "MIN_QUERIES_FOR_LSH", 3000)
    assert similar_users(theta, everyone(theta), 5).method == "lsh"
    assert similar_users(theta, everyone(theta)[1:], 5).method == "exact"


def test_a_recall_that_no_cheaper_tables_reach_takes_everyone() -> None:
    theta = profiles(300)
    found = similar_users(theta, everyone(theta), 100, method="lsh", target=1.0)
    assert (found.method, found.recall, found.tables) == ("exact", 1.0, 0)


@pytest.mark.parametrize("bits", [0, 3])
def test_buckets_are_equal_and_hold_each_user_once(bits: int) -> None:
    unit = unit_rows(profiles(1001))
    order = hyperplanes._sort_into_buckets(unit, bits, 0, 0)
    assert sorted(order) == list(range(1001))
    sizes = np.diff(hyperplanes._edges(1001, bits))
    assert len(sizes) == 2**bits and sizes.max() - sizes.min() <= 1


def test_a_list_of_buckets_is_that_of_sorting_who_shares_a_bucket() -> None:
    theta = profiles(900)
    orders = [hyperplanes._sort_into_buckets(unit_rows(theta), 3, 0, table) for table in range(2)]
    asked = np.array([5, 899, 4], np.int32)
    lists = lists_of_buckets(unit_rows(theta), asked, 20, Tables(orders, 3))
    cosines = cosines_of(theta)
    for user, scores in zip(asked, lists.cosines, strict=True):
        buckets = [np.split(order, hyperplanes._edges(900, 3)[1:-1]) for order in orders]
        shared = {other for table in buckets for bucket in table if user in bucket for other in bucket}
        np.testing.assert_allclose(scores, sorted(cosines[user, list(shared)], reverse=True)[:20], atol=3e-7)


@pytest.mark.parametrize("method", METHODS)
def test_ties_go_by_the_higher_user(method: str) -> None:
    theta = np.repeat(np.eye(3, dtype=np.float32) * 0.9 + 0.1 / 3, 40, axis=0)[
        np.random.default_rng(0).permutation(120)
    ]
    found = similar_users(theta, everyone(theta), 5, method=method)
    check_lists(found, theta, everyone(theta))
    same = [np.flatnonzero((theta == theta[user]).all(axis=1) & (everyone(theta) != user)) for user in range(120)]
    np.testing.assert_array_equal(found.lists.cosines, found.lists.cosines[0, 0])
    if method != "minhash":  # it may miss one of many equal users
        np.testing.assert_array_equal(found.lists.users, [each[::-1][:5] for each in same])


def test_very_many_identical_users_keep_lists_full_and_tables_few() -> None:
    theta = np.concatenate([np.repeat(profiles(4), 900, axis=0), profiles(2400, seed=1)])
    found = similar_users(theta, everyone(theta), 10, method="lsh")
    assert found.method == "lsh" and found.recall > 0.94
    assert (found.lists.cosines[:3600, -1] > 1 - 1e-6).mean() > 0.99


@pytest.mark.parametrize("method", METHODS)
def test_two_identical_users_find_each_other(method: str) -> None:
    theta = profiles(800)
    theta[701] = theta[20]
    found = similar_users(theta, np.array([701, 20], np.int32), 3, method=method)
    assert found.lists.users[:, 0].tolist() == [20, 701]
    np.testing.assert_allclose(found.lists.cosines[:, 0], 1, atol=2e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_users", [1, 2, 300])
def test_with_one_style_all_users_are_equal(method: str, n_users: int) -> None:
    theta = np.ones((n_users, 1), np.float32)
    found = similar_users(theta, everyone(theta), 3, method=method)
    assert found.lists.users.shape == (n_users, min(3, n_users - 1))
    assert found.recall == 1
    np.testing.assert_array_equal(found.lists.cosines, 1)
    check_lists(found, theta, everyone(theta))


def test_no_queries_give_no_lists() -> None:
    assert similar_users(profiles(30), np.empty(0, np.int32), 3).lists.users.shape == (0, 3)


@pytest.mark.parametrize("method", METHODS)
def test_a_list_depends_neither_on_threads_nor_on_other_queries(method: str) -> None:
    theta = profiles(5000, n_styles=37)
    many = np.arange(2500, dtype=np.int32)
    try:
        made = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            made.append(similar_users(theta, many, 10, method=method))
        alone = similar_users(theta, many[[7, 2400]], 10, method=method)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for one, other, few in zip(made[0].lists, made[1].lists, alone.lists, strict=True):
        assert one.tobytes() == other.tobytes()
        assert one[[7, 2400]].tobytes() == few.tobytes()
    assert made[0][1:] == made[1][1:]


def test_the_seed_moves_the_hyperplanes_alone() -> None:
    unit = unit_rows(profiles(2000))
    tables = [choose_tables(unit, 10, 0.9, seed) for seed in (1, 1, 2)]
    first = [each.orders[0].tolist() for each in tables]
    assert first[0] == first[1] != first[2]


def test_another_method_is_refused() -> None:
    with pytest.raises(UsageError, match="method exakt") as caught:
        similar_users(profiles(30), np.zeros(1, np.int32), 3, method="exakt")
    assert caught.value.hint == "Did you mean 'exact'?"
