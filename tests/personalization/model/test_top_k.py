from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.model import item_knn
from etsyml_cli.personalization.model import top_k as module
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.item_knn import nearest_listings
from etsyml_cli.personalization.model.top_k import Ranker, top_listings

NOTHING = Favorites(np.array([0, 0]), np.empty(0, np.int32))


def slow_top(scores: np.ndarray, seen: list[int], k: int) -> list[int]:
    left = [i for i in range(len(scores)) if i not in seen]
    return sorted(left, key=lambda i: (scores[i], i), reverse=True)[:k]


def random_favorites(n_users: int, n_listings: int, seed: int = 0) -> Favorites:
    pairs = np.nonzero(np.random.default_rng(seed).random((n_users, n_listings)) < 0.3)
    return favorites_of(*pairs, n_users=n_users)


@pytest.mark.parametrize("few", [0, 1000], ids=["sorted", "inserted"])
@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("k", [1, 7, 150, 399])
def test_the_lists_are_those_of_sorting_everything(
    levels: int, k: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEW", few)
    rng = np.random.default_rng(0)
    scores = (rng.integers(0, levels, (70, 200)) / 8).astype(np.float32)  # few levels: many ties
    seen = random_favorites(70, 200)
    top, values = top_listings(Ranker(scores), np.eye(70, dtype=np.float32), seen, seen, k, np.array([5], np.int32))
    assert top.shape == values.shape == (70, min(k, 200))
    for user in range(70):
        expected = slow_top(scores[user], [5, *seen.of(user)], k)
        assert top[user][top[user] >= 0].tolist() == expected
        assert values[user][: len(expected)].tolist() == scores[user][expected].tolist()
        assert np.isneginf(values[user][len(expected) :]).all()


def slow_neighbors(counts: np.ndarray) -> np.ndarray:
    """The cosine of item columns after each row is divided by the root of its sum, as far as columns go."""
    of_user, of_listing = counts.sum(axis=1), counts.sum(axis=0)
    columns = counts / np.sqrt(np.maximum(of_user, 1e-9))[:, None] / np.sqrt(np.maximum(of_listing, 1e-9))
    similarity = columns.T @ columns
    np.fill_diagonal(similarity, 0)
    return similarity


@pytest.mark.parametrize("at_once", [7, 1024])
@pytest.mark.parametrize("kept", [3, 200])
def test_neighbors_are_the_largest_cosines(kept: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_knn, "LISTINGS_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    counts = (rng.random((40, 25)) < 0.2) * rng.choice([1.0, 2.5], (40, 25))
    counts[:, 4], counts[3] = 0, 0
    ptr, listings, similarity = nearest_listings(sparse.csr_matrix(counts), kept)
    expected = slow_neighbors(counts)
    for i, row in enumerate(expected):
        found = slice(ptr[i], ptr[i + 1])
        np.testing.assert_allclose(similarity[found], row[listings[found]], rtol=1e-5)
        assert np.diff(listings[found]).min(initial=1) > 0
        most = np.sort(row[row > 0])[::-1][:kept]
        np.testing.assert_allclose(np.sort(similarity[found])[::-1], most, rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_score_is_the_mix_of_styles_and_neighbors(share: float) -> None:
    rng = np.random.default_rng(2)
    theta, beta = (rng.dirichlet(np.ones(n), m).astype(np.float32) for n, m in ((4, 9), (30, 4)))
    favorites = random_favorites(9, 30)
    counts = np.zeros((9, 30))
    counts[favorites.users(), favorites.indices] = 1
    ranker = Ranker(beta, nearest_listings(sparse.csr_matrix(counts), 99), share)
    top, scores = top_listings(ranker, theta, favorites, favorites, 5)
    styles, near = theta @ beta, counts @ slow_neighbors(counts)
    mixed = (1 - share) * styles / styles.max(axis=1)[:, None] + share * near / near.max(axis=1)[:, None]
    expected = mixed if share else styles
    for user in range(9):
        best = [-np.sort(-np.delete(expected[user], favorites.of(user)))[:5]]
        np.testing.assert_allclose(scores[user], best[0], rtol=1e-4)
        np.testing.assert_allclose(expected[user][top[user]], best[0], rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_list_depends_neither_on_threads_nor_on_who_else_is_asked_for(share: float) -> None:
    rng = np.random.default_rng(3)
    theta, beta = (rng.dirichlet(np.ones(n), m).astype(np.float32) for n, m in ((50, 130), (400, 50)))
    seen = random_favorites(130, 400)
    counts = sparse.csr_matrix((np.ones(len(seen.indices)), seen.indices, seen.indptr), (130, 400))
    ranker = Ranker(beta, nearest_listings(counts, 20), share)
    together = top_listings(ranker, theta, seen, seen, 20)
    try:
        numba.set_num_threads(1)
        alone = [top_listings(ranker, theta[[u]], seen.take([u]), seen.take([u]), 20) for u in range(130)]
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for user, (top, scores) in enumerate(alone):
        assert top[0].tobytes() == together[0][user].tobytes()
        assert scores[0].tobytes() == together[1][user].tobytes()


def test_the_score_is_theta_times_beta() -> None:
    theta, beta = np.array([[0.25, 0.75]], np.float32), np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]], np.float32)
    top, scores = top_listings(Ranker(beta), theta, NOTHING, NOTHING, 2)
    assert top.tolist() == [[2, 1]]
    np.testing.assert_allclose(scores, [[0.5625, 0.3125]])


def test_who_has_everything_is_shown_nothing() -> None:
    seen = Favorites(np.array([0, 3]), np.arange(3, dtype=np.int32))
    top, scores = top_listings(Ranker(np.ones((1, 3), np.float32)), np.ones((1, 1), np.float32), seen, seen, 2)
    assert top.tolist() == [[-1, -1]] and np.isneginf(scores).all()
