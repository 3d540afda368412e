"""Popularity as a recommender: the same list for every user, by number of training favorites, perhaps recent ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.recommender import Arrays, Recommender, Shapes, TrainingSet, Users
from etsyml_cli.personalization.model.validation import judge_of

HALF_LIVES = (None, 7.0, 30.0, 90.0)  # days, tried on the validation set; None: all favorites count the same


class HalfLife(msgspec.Struct, frozen=True):
    """The chosen half-life in days; None: all favorites count the same."""

    half_life_days: float | None


@dataclass(frozen=True)
class Popularity(Recommender):
    """The score is the listing's share of all favorites.

    favorites: (I,), the number of favorites per listing. With a half-life, a favorite that is so many days old counts
    half.
    """

    favorites: F64
    half_life: float | None = None

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if data.valid is None or data.ages is None:
            return cls.of(data, None)
        judge = judge_of(data, data.valid, seed)
        return judge.best(cls.of(data, half_life) for half_life in HALF_LIVES)

    @classmethod
    def of(cls, data: TrainingSet, half_life: float | None) -> Self:
        """Popularity with this half-life, for which `data` must have ages."""
        n_listings = data.counts.shape[1]
        if half_life is None or data.ages is None:
            return cls(np.bincount(data.favorites.indices, minlength=n_listings).astype(np.float64))
        recent = 0.5 ** (data.ages / half_life)
        weights = np.bincount(data.counts.indices, weights=recent, minlength=n_listings).astype(np.float64)
        return cls(weights, half_life)

    @property
    def chosen(self) -> HalfLife:
        return HalfLife(self.half_life)

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return self.of(data, self.half_life)

    def scores(self, users: Users) -> F64:
        share = self.favorites / max(self.favorites.sum(), 1e-30)
        return np.broadcast_to(share, (len(users.rows), len(share)))

    def arrays(self) -> Arrays:
        return {"popularity": self.favorites}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"popularity": (n_listings,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        return cls(arrays["popularity"])
