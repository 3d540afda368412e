"""Scores of the styles, and of their mix with item neighbors, in one pass per block of users.

A fast product of matrices gives approximate scores; its last bits depend on the place of a user in the block. Sums in a
fixed order rank the candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from etsyml_cli.core.types import F32, F64
from etsyml_cli.personalization.model.favorites import Favorites, Neighbors
from etsyml_cli.personalization.model.neighbors import add_similarities

TINY = 1e-30
ROUNDING = 1e-4  # more than the relative error of a float32 product over a thousand styles


@dataclass(frozen=True)
class FusedScores:
    """Scores of B users by styles, θ · β, or by styles and neighbors, each part divided by its highest.

    theta: (B, K); by_listing: (I, K); similarity: (B, I), or without rows if there are no neighbors; highest: (B, 2),
    of both parts. share: the weight of the neighbors.
    """

    approximate: F32
    theta: F32
    by_listing: F32
    similarity: F32
    highest: F64
    share: float
    rounding: float = ROUNDING

    def exact(self, candidates: Favorites) -> F32:
        exact = np.empty(len(candidates.indices), np.float32)
        _exact(*candidates, self.theta, self.by_listing, self.similarity, self.highest, self.share, exact)
        return exact


def only_styles(theta: F32, beta: F32, by_listing: F32) -> FusedScores:
    """θ · β for B users; theta: (B, K), beta: (K, I), by_listing: its transpose."""
    return FusedScores(theta @ beta, theta, by_listing, np.empty((0, 0), np.float32), np.empty((0, 2)), 0.0)


def styles_and_neighbors(
    theta: F32, beta: F32, by_listing: F32, neighbors: Neighbors, favorites: Favorites, share: float
) -> FusedScores:
    """(1 - share) · styles + share · neighbors for B users, each part divided by its highest value for the user."""
    scores = theta @ beta
    similarity, highest = np.zeros_like(scores), np.empty((len(theta), 2))
    highest[:, 1] = add_similarities(*favorites, *neighbors, similarity)
    _mix(theta, by_listing, similarity, share, scores, highest)
    return FusedScores(scores, theta, by_listing, similarity, highest, share)


@njit(cache=True, nogil=True)
def _mix(theta, by_listing, similarity, share, scores, highest):  # type: ignore[no-untyped-def]
    """Turn approximate θ · β in scores, (B, I), into the mix; fill in the exact highest θ · β per user."""
    for row in range(len(scores)):
        s, sums = scores[row], similarity[row]
        highest[row, 0] = max(_highest(theta[row], by_listing, s), TINY)
        highest[row, 1] = max(highest[row, 1], TINY)
        of_styles, of_neighbors = np.float32((1 - share) / highest[row, 0]), np.float32(share / highest[row, 1])
        for i in range(len(s)):
            s[i] = of_styles * s[i] + of_neighbors * sums[i]


@njit(cache=True, nogil=True)
def _exact(ptr, candidates, theta, by_listing, similarity, highest, share, exact):  # type: ignore[no-untyped-def]
    for row in range(len(theta)):
        for c in range(ptr[row], ptr[row + 1]):
            listing = candidates[c]
            score = dot_product(theta[row], by_listing[listing])
            if len(similarity):
                of_neighbors = similarity[row, listing] / highest[row, 1]
                score = (1 - share) * (score / highest[row, 0]) + share * of_neighbors
            exact[c] = score


@njit(cache=True, nogil=True)
def dot_product(theta, beta):  # type: ignore[no-untyped-def]
    """The dot product in float64, added in the order of the styles."""
    total = 0.0
    for k in range(len(theta)):
        total += np.float64(theta[k]) * beta[k]
    return total


@njit(cache=True, nogil=True)
def _highest(theta, by_listing, s):  # type: ignore[no-untyped-def]
    """The exact highest θ · β, from the listings whose approximate value, s (I,), is close to the highest."""
    least = s.max() * (1 - 2 * ROUNDING)
    highest = 0.0
    for i in range(len(s)):
        if s[i] >= least:
            highest = max(highest, dot_product(theta, by_listing[i]))
    return highest
