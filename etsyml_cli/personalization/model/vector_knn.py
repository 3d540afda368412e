"""Content-based recommenders: the similarity of a listing's vector to the vectors of the user's favorites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from etsyml_cli.core.types import F32, F64, Bools
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.exact_products import LISTING_BITS, exact_products, rounded_to
from etsyml_cli.personalization.model.favorite_reasons import favorite_reasons
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.recommender import (
    PHOTO_KNN,
    TEXT_KNN,
    Addend,
    Arrays,
    Recommender,
    Shapes,
    TrainingSet,
    Users,
)


@dataclass(frozen=True)
class VectorKnn(Recommender):
    """score = mean cosine of the listing with the user's favorites that have a vector.

    vectors: (I, D), rows of length 1, or 0 for a listing without a vector, which gets the user's lowest score. The
    score is 0 for a user without such favorites.
    """

    NAME: ClassVar[str]
    vectors: F32

    @staticmethod
    def rows_of(data: TrainingSet) -> F32 | None:
        """The vectors of the listings in the training set."""
        raise NotImplementedError

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        rows = cls.rows_of(data)
        if rows is None:
            raise ValueError(f"{cls.NAME} needs vectors")
        return cls(rounded_to(rows, LISTING_BITS, 1.0).astype(np.float32))

    @cached_property
    def _rows(self) -> F64:
        return self.vectors.astype(np.float64)

    @cached_property
    def _known(self) -> Bools:
        return np.asarray((self.vectors != 0).any(axis=1))

    def scores(self, users: Users) -> F64:
        scores = exact_products(self._means(users.favorites), self._rows)
        if not self._known.all():
            lowest = scores[:, self._known].min(axis=1, keepdims=True, initial=0)
            scores[:, ~self._known] = lowest
        return scores

    def _means(self, favorites: Favorites) -> F64:
        """The mean vector of the favorites with a vector, (B, D); 0 without any."""
        n_favorites, n_listings = len(favorites.per_user()), len(self.vectors)
        ones = sparse.csr_array(
            (np.ones(len(favorites.indices)), favorites.indices, favorites.indptr), (n_favorites, n_listings)
        )
        n_known = ones @ self._known.astype(np.float64)
        return np.asarray((ones @ self._rows) / np.maximum(n_known, 1)[:, None])

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        favorites = users.favorites.indices[self._known[users.favorites.indices]]
        adds = self._rows[favorites] @ self._rows[listings].T / max(len(favorites), 1)
        reasons = [favorite_reasons(favorites.tolist(), of_listing) for of_listing in adds.T]
        return [of_one if self._known[listing] else [] for of_one, listing in zip(reasons, listings, strict=True)]

    def arrays(self) -> Arrays:
        return {f"{self.NAME}.vectors": self.vectors}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {f"{cls.NAME}.vectors": (n_listings, None)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        return cls(arrays[f"{cls.NAME}.vectors"])


@dataclass(frozen=True)
class PhotoKnn(VectorKnn):
    """Listings with photos like those of the user's favorites."""

    NAME = PHOTO_KNN

    @staticmethod
    def rows_of(data: TrainingSet) -> F32 | None:
        return data.photos


@dataclass(frozen=True)
class TextKnn(VectorKnn):
    """Listings with titles and tags like those of the user's favorites."""

    NAME = TEXT_KNN

    @staticmethod
    def rows_of(data: TrainingSet) -> F32 | None:
        return data.texts
