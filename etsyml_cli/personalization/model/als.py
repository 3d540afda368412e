"""Matrix factorization for implicit feedback by alternating least squares (Hu, Koren & Volinsky, ICDM 2008)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Self

import msgspec
import numpy as np
from numba import get_num_threads
from scipy import sparse
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F32, F64, I32
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.exact_products import LISTING_BITS, exact_products, rounded_to
from etsyml_cli.personalization.model.favorite_reasons import favorite_reasons
from etsyml_cli.personalization.model.recommender import Addend, Arrays, Recommender, Shapes, TrainingSet, Users
from etsyml_cli.personalization.model.validation import judge_of


class Factorization(msgspec.Struct, frozen=True):
    """The settings of the factorization; `confidence` is the weight of a favorite against 1 of all other listings."""

    factors: int = 64
    confidence: float = 10.0
    regularization: float = 1.0


DEFAULT = Factorization()
# tried on the validation set, each with the others as chosen so far
TRIED = {"confidence": (3.0, 30.0), "regularization": (0.1, 10.0, 30.0), "factors": (32, 128)}


@dataclass(frozen=True)
class Als(Recommender):
    """score = x_u · y_w; the factors x of each user are solved from the favorites, given those of the listings.

    listings: (I, K), y.
    """

    listings: F32
    settings: Factorization = DEFAULT

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        best = cls.of(data, seed, DEFAULT)
        if data.valid is None:
            return best
        judge = judge_of(data, data.valid, seed)
        for name, values in TRIED.items():
            change: list[dict[str, Any]] = [{name: value} for value in values]
            tried = [msgspec.structs.replace(best.settings, **one) for one in change]
            best = judge.best(chain([best], (cls.of(data, seed, settings) for settings in tried)))
        return best

    @property
    def chosen(self) -> Factorization:
        return self.settings

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return self.of(data, seed, self.settings)

    @classmethod
    def of(cls, data: TrainingSet, seed: int, settings: Factorization) -> Self:
        """The factorization with these settings."""
        from implicit.cpu.als import AlternatingLeastSquares  # an optional package; see `names_to_fit`

        with threadpool_limits(1, user_api="blas"):  # more lead to other last bits
            model = AlternatingLeastSquares(
                factors=settings.factors,
                regularization=settings.regularization,
                alpha=settings.confidence,
                random_state=seed,
                num_threads=get_num_threads(),
            )
            model.fit(sparse.csr_matrix(data.counts, dtype=np.float32), show_progress=False)
        largest = np.abs(model.item_factors).max(initial=0)
        return cls(rounded_to(model.item_factors, LISTING_BITS, largest).astype(np.float32), settings)

    @cached_property
    def _rows(self) -> F64:
        return self.listings.astype(np.float64)

    @cached_property
    def _common(self) -> F64:
        """YᵀY + regularization, (K, K)."""
        with threadpool_limits(1, user_api="blas"):
            products = self._rows.T @ self._rows
        return np.asarray(products + self.settings.regularization * np.eye(self._rows.shape[1]))

    def scores(self, users: Users) -> F64:
        favorites = users.favorites
        profiles = np.zeros((len(favorites.per_user()), self._rows.shape[1]))
        common = self._common
        with threadpool_limits(1, user_api="blas"):
            for user in range(len(profiles)):
                profiles[user] = self._solve(common, favorites.of(user)).sum(axis=0)
        return exact_products(profiles, self._rows)

    def _solve(self, common: F64, favorites: I32) -> F64:
        """The part of each favorite in the factors of a user, (favorites, K)."""
        rows = self._rows[favorites]
        matrix = common + (self.settings.confidence - 1) * (rows.T @ rows)
        return np.asarray(self.settings.confidence * np.linalg.solve(matrix, rows.T).T)

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        favorites = users.favorites.indices
        adds = self._solve(self._common, favorites) @ self._rows[listings].T
        return [favorite_reasons(favorites.tolist(), of_listing) for of_listing in adds.T]

    def arrays(self) -> Arrays:
        return {
            "als.listings": self.listings,
            "als.settings": np.array(msgspec.structs.astuple(self.settings), np.float64),
        }

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"als.listings": (n_listings, None), "als.settings": (len(Factorization.__struct_fields__),)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        factors, confidence, regularization = arrays["als.settings"].tolist()
        return cls(arrays["als.listings"], Factorization(int(factors), confidence, regularization))
