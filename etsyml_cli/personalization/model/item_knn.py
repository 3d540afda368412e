"""Item-based nearest neighbors as a recommender (Deshpande & Karypis, TOIS 2004)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product, starmap
from typing import Self

import msgspec
import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorite_reasons import dense_rows, favorite_reasons
from etsyml_cli.personalization.model.favorites import Neighbors, points_inside
from etsyml_cli.personalization.model.neighbors import add_similarities, nearest_listings
from etsyml_cli.personalization.model.recommender import Addend, Arrays, Recommender, Shapes, TrainingSet, Users
from etsyml_cli.personalization.model.top_k import ExactScores
from etsyml_cli.personalization.model.validation import judge_of

PREFIX = "neighbours"
TINY = 1e-30


class Similarity(msgspec.Struct, frozen=True):
    """The settings of the similarity; see `nearest_listings`. The defaults apply without a validation set."""

    shrinkage: float = 3.0
    exponent: float = 0.5


DEFAULT = Similarity()
# tried on the validation set; of equally good ones, the first is chosen
SIMILARITIES = tuple(starmap(Similarity, product((3.0, 0.0, 1.0, 10.0, 30.0), (0.5, 0.3, 0.7))))
JUDGED_USERS = 1000  # more take longer than the neighbors


@dataclass(frozen=True)
class ItemKnn(Recommender):
    """score = Σ similarity(w, f) over the user's favorites f, divided by the highest sum of the user: from 0 to 1."""

    neighbors: Neighbors
    similarity: Similarity = DEFAULT

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if data.valid is None:
            return cls.of(data, config, DEFAULT)
        judge = judge_of(data, data.valid, seed, JUDGED_USERS)
        return judge.best(cls.of(data, config, similarity) for similarity in SIMILARITIES)

    @classmethod
    def of(cls, data: TrainingSet, config: LdaConfig, similarity: Similarity) -> Self:
        """The neighbors by this similarity."""
        return cls(nearest_listings(data.counts, config.neighbours, **msgspec.structs.asdict(similarity)), similarity)

    @property
    def chosen(self) -> Similarity:
        return self.similarity

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return self.of(data, config, self.similarity)

    def scores(self, users: Users) -> F64:
        return self.block(users).approximate.astype(np.float64)

    def block(self, users: Users) -> ExactScores:
        sums = np.zeros((len(users.rows), len(self.neighbors.ptr) - 1), np.float32)
        highest = add_similarities(*users.favorites, *self.neighbors, sums)
        sums *= (1 / np.maximum(highest, TINY)).astype(np.float32)[:, None]
        return ExactScores(sums)

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        favorites = users.favorites.indices
        similarity = dense_rows(self.neighbors, favorites.tolist())
        adds = similarity / max(float(similarity.sum(axis=0).max()), TINY)
        return [favorite_reasons(favorites.tolist(), adds[:, listing]) for listing in listings]

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
