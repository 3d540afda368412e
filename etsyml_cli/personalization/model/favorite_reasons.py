"""Reasons of scores that are sums over the user's favorites."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.personalization.model.favorites import Neighbors
from etsyml_cli.personalization.model.recommender import Addend

N_REASONS = 3  # favorites per listing; the others are reported as one sum


def favorite_reasons(favorites: list[int], adds: F64) -> list[Addend]:
    """The favorites that add the most to a score, and the sum of the others; adds: (favorites,)."""
    best = [place for place in np.argsort(-adds, kind="stable")[:N_REASONS].tolist() if adds[place] > 0]
    reasons = [Addend(what="favorite", favorite=favorites[place], adds=float(adds[place])) for place in best]
    if others := float(np.delete(adds, best).sum()):
        reasons.append(Addend(what="other favorites", adds=others))
    return sorted(reasons, key=lambda reason: -reason.adds)


def dense_rows(neighbors: Neighbors, favorites: list[int]) -> F64:
    """The similarity of each listing to each favorite, (favorites, I)."""
    ptr, listings, similarity = neighbors
    dense = np.zeros((len(favorites), len(ptr) - 1))
    for row, favorite in enumerate(favorites):
        span = slice(ptr[favorite], ptr[favorite + 1])
        dense[row, listings[span]] = similarity[span]
    return dense
