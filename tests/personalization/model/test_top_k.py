from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from etsyml_cli.personalization.model import top_k as module
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.recommender import Recommender, Users
from etsyml_cli.personalization.model.top_k import top_listings

NO_FAVORITES = Favorites(np.array([0, 0]), np.empty(0, np.int32))


@dataclass(frozen=True)
class Table(Recommender):
    """A recommender whose scores are given: a row per user."""

    table: np.ndarray

    def scores(self, users: Users) -> np.ndarray:
        return self.table[users.rows]


def top(scores: np.ndarray, seen: Favorites, k: int, *excluded: int) -> tuple[np.ndarray, np.ndarray]:
    users = Users(np.arange(len(scores)), seen)
    return top_listings(Table(scores), users, seen, k, np.array(excluded, np.int32))


def random_favorites(n_users: int, n_listings: int) -> Favorites:
    pairs = np.nonzero(np.random.default_rng(0).random((n_users, n_listings)) < 0.3)
    return favorites_of(*pairs, n_users=n_users)


def by_argsort(scores: np.ndarray, seen: list[int], k: int) -> list[int]:
    """The k best of the listings left, equal ones by the higher index."""
    order = np.argsort(-scores[::-1], kind="stable")
    best = (len(scores) - 1 - order).tolist()
    return [listing for listing in best if listing not in seen and scores[listing] > -np.inf][:k]


@pytest.mark.parametrize("few", [0, 1000], ids=["sorted", "inserted"])
@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("offset", [0.0, -1.0, -200.0], ids=["positive", "mixed", "negative"])
@pytest.mark.parametrize("k", [1, 7, 150, 399])
def test_the_lists_are_those_of_sorting_everything(
    levels: int, offset: float, k: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHORT_LIST", few)
    rng = np.random.default_rng(0)
    scores = (rng.integers(0, levels, (70, 200)) / 8 + offset).astype(np.float32)  # few levels: many ties
    scores[3, :50], scores[4] = -np.inf, -np.inf
    seen = random_favorites(70, 200)
    found, values = top(scores, seen, k, 5)
    assert found.shape == values.shape == (70, min(k, 200))
    for user in range(70):
        expected = by_argsort(scores[user], [5, *seen.of(user)], k)
        assert found[user].tolist() == expected + [-1] * (found.shape[1] - len(expected))
        assert values[user][: len(expected)].tolist() == scores[user][expected].tolist()
        assert np.isneginf(values[user][len(expected) :]).all()


@pytest.mark.parametrize("k", [3, 200])
def test_any_real_scores_are_ranked(k: int) -> None:
    scores = np.random.default_rng(1).normal(0, 1e3, (130, 200)).astype(np.float32)
    seen = random_favorites(130, 200)
    found, _ = top(scores, seen, k)
    for user in range(130):
        expected = by_argsort(scores[user], seen.of(user).tolist(), k)
        assert found[user][found[user] >= 0].tolist() == expected


def test_negative_scores_are_ranked_like_others() -> None:
    found, values = top(np.array([[-0.5, -0.1, 0.3, -0.2]], np.float32), NO_FAVORITES, 3)
    assert found.tolist() == [[2, 1, 3]]
    np.testing.assert_allclose(values, [[0.3, -0.1, -0.2]])


def test_both_zeros_are_equal() -> None:
    assert top(np.array([[0.0, -0.0, 0.0]], np.float32), NO_FAVORITES, 3)[0].tolist() == [[2, 1, 0]]


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        top(np.array([[0.1, np.nan]], np.float32), NO_FAVORITES, 1)


def test_a_user_who_has_seen_everything_gets_an_empty_list() -> None:
    found, values = top(np.ones((1, 3), np.float32), Favorites(np.array([0, 3]), np.arange(3, dtype=np.int32)), 2)
    assert found.tolist() == [[-1, -1]] and np.isneginf(values).all()
