"""The best listings for each user: a matrix product in blocks of users, then a selection.

Listings stand in the order of their ids' bytes, so "ties by id, descending" is "ties by index, descending".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.models.lda.favorites import Favorites

BLOCK = 256  # users whose scores for all listings are in memory at once


def top_listings(
    theta: NDArray[np.float32], beta: NDArray[np.float32], seen: Favorites, k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k listings of highest theta x beta for each user, without the seen ones.

    theta: (B, K); beta: (K, I); seen: of the same B users. Returns indices and scores, both (B, min(k, I)),
    best first; where fewer remain, index -1 with score -inf.
    """
    k = min(k, beta.shape[1])
    top = np.full((len(theta), k), -1, np.int32)
    scores = np.full((len(theta), k), -np.inf, np.float32)
    for start in range(0, len(theta), BLOCK):
        for user, score in enumerate(theta[start : start + BLOCK] @ beta, start):
            score[seen.of(user)] = -np.inf
            best = best_of(score, k)
            top[user, : len(best)] = best
            scores[user, : len(best)] = score[best]
    return top, scores


def best_of(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Indices of the k highest scores, shape (I,), best first; equal scores by the higher index; -inf never."""
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero((scores >= least) & (scores > -np.inf))
    order = np.lexsort((-candidates, -scores[candidates]))
    return candidates[order[:k]]
