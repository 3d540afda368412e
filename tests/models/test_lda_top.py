from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.models.lda import top as module
from etsyml_cli.models.lda.favorites import Favorites, favorites_of
from etsyml_cli.models.lda.top import best_of, top_listings


def slow_top(scores: np.ndarray, seen: list[int], k: int) -> list[int]:
    left = [i for i in range(len(scores)) if i not in seen]
    return sorted(left, key=lambda i: (scores[i], i), reverse=True)[:k]


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("k", [1, 7, 40, 99])
def test_the_lists_are_those_of_sorting_everything(levels: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)
    rng = np.random.default_rng(0)
    scores = (rng.integers(0, levels, (11, 40)) / 8).astype(np.float32)  # few levels: many ties
    pairs = np.nonzero(rng.random((11, 40)) < 0.3)
    seen = favorites_of(*pairs, n_users=11)
    top, values = top_listings(np.eye(11, dtype=np.float32), scores, seen, k)
    assert top.shape == values.shape == (11, min(k, 40))
    for user in range(11):
        expected = slow_top(scores[user], seen.of(user).tolist(), k)
        found = top[user][top[user] >= 0].tolist()
        assert found == expected
        assert values[user][: len(expected)].tolist() == scores[user][expected].tolist()
        assert np.isneginf(values[user][len(expected) :]).all()


def test_the_score_is_theta_times_beta() -> None:
    theta, beta = np.array([[0.25, 0.75]], np.float32), np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]], np.float32)
    top, scores = top_listings(theta, beta, Favorites(np.array([0, 0]), np.empty(0, np.int32)), 2)
    assert top.tolist() == [[2, 1]]
    np.testing.assert_allclose(scores, [[0.5625, 0.3125]])


def test_scores_that_differ_below_float32_are_ties() -> None:
    scores = np.array([0.5, 0.5 - 1e-12, 0.25]).astype(np.float32)
    assert best_of(scores, 2).tolist() == [1, 0]


def test_who_has_everything_is_shown_nothing() -> None:
    seen = Favorites(np.array([0, 3]), np.arange(3, dtype=np.int32))
    top, scores = top_listings(np.ones((1, 1), np.float32), np.ones((1, 3), np.float32), seen, 2)
    assert top.tolist() == [[-1, -1]] and np.isneginf(scores).all()
