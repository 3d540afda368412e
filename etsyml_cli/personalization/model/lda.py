"""Latent Dirichlet allocation as a recommender: a listing's score is its probability under the user's styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import msgspec
import numpy as np
from numba import njit

from etsyml_cli.core.types import F32, F64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.inner_products import InnerProducts, ListingVectors, dot_product
from etsyml_cli.personalization.model.lda_cvb0_kernels import settle_profiles
from etsyml_cli.personalization.model.lda_engines import fit
from etsyml_cli.personalization.model.lda_parameters import LdaParameters
from etsyml_cli.personalization.model.lda_tuning import LdaChoices, tune
from etsyml_cli.personalization.model.recommender import Addend, Arrays, Recommender, Shapes, TrainingSet, Users
from etsyml_cli.personalization.model.top_k import BlockScores

N_REASONS = 3  # styles per listing; the others are reported as one sum
FOLD_IN_ROUNDS = 30  # enough for a profile to converge


@dataclass(frozen=True)
class Lda(Recommender):
    """score = θ_u · β_w. Profiles of users who are not in the training set are inferred from their favorites."""

    parameters: LdaParameters
    choices: LdaChoices | None = None

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if data.valid is None:
            return cls(fit(data.counts, config, seed, start=data.start))
        return cls(*tune(data.counts, data.valid, config, seed, data.start))

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if self.choices is not None:
            config = msgspec.structs.replace(config, eta=self.choices.eta, passes=self.choices.passes)
        return self.fit(data, config, seed)

    @property
    def beta(self) -> F32:
        """(K, I)."""
        return self.parameters.beta

    @cached_property
    def listings(self) -> ListingVectors:
        return ListingVectors(self.beta)

    @property
    def chosen(self) -> LdaChoices | None:
        return self.choices

    def profiles(self, users: Users) -> F32:
        """theta of each of B users, (B, K)."""
        if (users.rows >= 0).all():
            return self.parameters.theta[users.rows]
        theta = self.fold_in(users.favorites)
        known = users.rows >= 0
        theta[known] = self.parameters.theta[users.rows[known]]
        return theta

    def fold_in(self, favorites: Favorites) -> F32:
        """theta of users with these favorites, (B, K), with fixed styles; without favorites, the prior."""
        learned = self.parameters
        listings, place = np.unique(favorites.indices, return_inverse=True)
        beta = np.ascontiguousarray(learned.beta[:, listings].T)
        theta = np.empty((len(favorites.per_user()), len(learned.alpha)), np.float32)
        weight = np.ones(len(place), np.float32)
        settle_profiles(favorites.indptr, place, weight, beta, learned.alpha, FOLD_IN_ROUNDS, theta)
        return theta

    def only_style(self, style: int) -> Lda:
        """A recommender of the listings of one style, for one user: the score is β."""
        return Lda(replace(self.parameters, theta=np.ones((1, 1), np.float32), beta=self.beta[[style]]))

    def scores(self, users: Users) -> F64:
        return np.asarray(_products(self.profiles(users), self.listings.by_listing))

    def block(self, users: Users) -> BlockScores:
        return InnerProducts.of(self.profiles(users), self.listings)

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        theta = self.profiles(users)[0].astype(np.float64)
        return [_reasons(theta * self.beta[:, listing]) for listing in listings]

    def arrays(self) -> Arrays:
        learned = self.parameters
        eta = np.array([learned.eta])
        return {"theta": learned.theta, "beta": learned.beta, "alpha": learned.alpha, "eta": eta}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"theta": (n_users, None), "beta": (None, n_listings), "alpha": (None,), "eta": (1,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        theta, beta, alpha = arrays["theta"], arrays["beta"], arrays["alpha"]
        if not theta.shape[1] == len(beta) == len(alpha):
            raise ValueError("theta, beta and alpha differ in the number of styles")
        return cls(LdaParameters(theta, beta, alpha, float(arrays["eta"][0])))


def _reasons(adds: F64) -> list[Addend]:
    best = np.argsort(-adds, kind="stable")[:N_REASONS].tolist()
    reasons = [Addend(what="style", style=style, adds=float(adds[style])) for style in best]
    if (others := float(np.delete(adds, best).sum())) > 0:
        reasons.append(Addend(what="other styles", adds=others))
    return sorted(reasons, key=lambda reason: -reason.adds)


@njit(cache=True, nogil=True)
def _products(theta, by_listing):  # type: ignore[no-untyped-def]
    products = np.empty((len(theta), len(by_listing)))
    for row in range(len(theta)):
        for listing in range(len(by_listing)):
            products[row, listing] = dot_product(theta[row], by_listing[listing])
    return products
