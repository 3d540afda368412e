"""Popularity as a recommender: the same list for every user, by number of training favorites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from etsyml_cli.core.types import F64, I64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.recommender import Arrays, Recommender, Shapes, TrainingSet, Users


@dataclass(frozen=True)
class Popularity(Recommender):
    """The score is the listing's share of all favorites; favorites: (I,), the number of favorites per listing."""

    favorites: I64

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return cls(np.bincount(data.favorites.indices, minlength=data.counts.shape[1]))

    def scores(self, users: Users) -> F64:
        share = self.favorites / max(self.favorites.sum(), 1)
        return np.broadcast_to(share, (len(users.rows), len(share)))

    def arrays(self) -> Arrays:
        return {"popularity": self.favorites}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"popularity": (n_listings,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        return cls(arrays["popularity"])
