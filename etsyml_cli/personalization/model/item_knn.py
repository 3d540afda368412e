"""Item-based nearest neighbors as a recommender (Deshpande & Karypis, TOIS 2004)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Neighbors, points_inside
from etsyml_cli.personalization.model.neighbors import add_similarities, nearest_listings
from etsyml_cli.personalization.model.recommender import Addend, Arrays, Recommender, Shapes, TrainingSet, Users
from etsyml_cli.personalization.model.top_k import ExactScores

PREFIX = "neighbours"
N_REASONS = 3  # favorites per listing; the others are reported as one sum
TINY = 1e-30


@dataclass(frozen=True)
class ItemKnn(Recommender):
    """score = Σ similarity(w, f) over the user's favorites f, divided by the highest sum of the user: from 0 to 1."""

    neighbors: Neighbors

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return cls(nearest_listings(data.counts, config.neighbours))

    def scores(self, users: Users) -> F64:
        return self.block(users).approximate.astype(np.float64)

    def block(self, users: Users) -> ExactScores:
        sums = np.zeros((len(users.rows), len(self.neighbors.ptr) - 1), np.float32)
        highest = add_similarities(*users.favorites, *self.neighbors, sums)
        sums *= (1 / np.maximum(highest, TINY)).astype(np.float32)[:, None]
        return ExactScores(sums)

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        favorites = users.favorites.indices
        similarity = self._similarities(favorites.tolist())
        adds = similarity / max(float(similarity.sum(axis=0).max()), TINY)
        return [_reasons(favorites.tolist(), adds[:, listing]) for listing in listings]

    def _similarities(self, favorites: list[int]) -> F64:
        """The similarity of each listing to each favorite, (favorites, I)."""
        ptr, listings, similarity = self.neighbors
        dense = np.zeros((len(favorites), len(ptr) - 1))
        for row, favorite in enumerate(favorites):
            span = slice(ptr[favorite], ptr[favorite + 1])
            dense[row, listings[span]] = similarity[span]
        return dense

    def arrays(self) -> Arrays:
        return {f"{PREFIX}.{name}": array for name, array in self.neighbors._asdict().items()}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {f"{PREFIX}.ptr": (n_listings + 1,), f"{PREFIX}.listings": (None,), f"{PREFIX}.similarity": (None,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        neighbors = Neighbors(*(arrays[f"{PREFIX}.{name}"] for name in Neighbors._fields))
        n_listings = len(neighbors.ptr) - 1
        if not points_inside(neighbors.ptr, neighbors.listings, n_listings):
            raise ValueError("the neighbors point outside the listings")
        return cls(neighbors)


def _reasons(favorites: list[int], adds: F64) -> list[Addend]:
    best = [place for place in np.argsort(-adds, kind="stable")[:N_REASONS].tolist() if adds[place] > 0]
    reasons = [Addend(what="favorite", favorite=favorites[place], adds=float(adds[place])) for place in best]
    if (others := float(np.delete(adds, best).sum())) > 0:
        reasons.append(Addend(what="other favorites", adds=others))
    return sorted(reasons, key=lambda reason: -reason.adds)
