"""EASE: a linear model that predicts each favorite from all others, in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, cast

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64, I64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.ease_weights import favorite_weights
from etsyml_cli.personalization.model.favorite_reasons import dense_rows, favorite_reasons
from etsyml_cli.personalization.model.favorites import Favorites, Neighbors, favorites_of, points_inside
from etsyml_cli.personalization.model.item_knn import DEFAULT, ItemKnn
from etsyml_cli.personalization.model.neighbors import add_similarities
from etsyml_cli.personalization.model.recommender import (
    ITEM_KNN,
    Addend,
    Arrays,
    Recommender,
    Shapes,
    TrainingSet,
    Users,
)
from etsyml_cli.personalization.model.validation import judge_of

PREFIX = "ease"
PENALTIES = (200.0, 100.0, 400.0, 50.0, 800.0)  # tried on the validation set; the first without one
MAX_LISTINGS = 15_000  # the inverse of the matrix of so many takes half a minute and 1 GB
JUDGED_LISTINGS = 3000  # the penalty is chosen on so many


class EaseChoices(msgspec.Struct, frozen=True):
    """What was chosen, and the number of listings that were fitted."""

    penalty: float
    n_fitted: int


@dataclass(frozen=True)
class Ease(Recommender):
    """score = Σ weight(f, w) over the user's favorites f; a weight may be negative.

    The weights come from the `n_fitted` most favorited listings. A favorite that is not among them has its similarities
    of item-knn, scaled to weights.
    """

    weights: Neighbors
    n_fitted: int
    penalty: float = PENALTIES[0]

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if data.valid is None:
            return cls.of(data, config, PENALTIES[0])
        part = _of_listings(data, data.valid, most_favorited(data, JUDGED_LISTINGS))
        if part.valid is None or not len(part.valid.indices):
            return cls.of(data, config, PENALTIES[0])
        judge = judge_of(part, part.valid, seed)
        best = judge.best(cls.of(part, config, penalty) for penalty in PENALTIES)
        return cls.of(data, config, best.penalty)

    @classmethod
    def of(cls, data: TrainingSet, config: LdaConfig, penalty: float) -> Self:
        """The weights with this penalty, which is Steck's λ."""
        popular = most_favorited(data, MAX_LISTINGS)
        weights = favorite_weights(data.counts[:, popular], penalty)
        if len(popular) < data.counts.shape[1]:
            logger.info(
                "ease: fitted on the %s most favorited of %s listings; the others have their similarities of item-knn",
                f"{len(popular):,}",
                f"{data.counts.shape[1]:,}",
            )
            weights = _with_the_rest(weights, popular, _item_knn(data, config).neighbors)
        return cls(weights, len(popular), penalty)

    @property
    def chosen(self) -> EaseChoices:
        return EaseChoices(self.penalty, self.n_fitted)

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return self.of(data, config, self.penalty)

    def scores(self, users: Users) -> F64:
        sums = np.zeros((len(users.rows), len(self.weights.ptr) - 1), np.float32)
        add_similarities(*users.favorites, *self.weights, sums)
        return sums.astype(np.float64)

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        favorites = users.favorites.indices.tolist()
        adds = dense_rows(self.weights, favorites)
        return [favorite_reasons(favorites, adds[:, listing]) for listing in listings]

    def arrays(self) -> Arrays:
        weights = {f"{PREFIX}.{name}": array for name, array in self.weights._asdict().items()}
        return weights | {f"{PREFIX}.fitted": np.array([self.n_fitted])}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        weights: Shapes = {f"{PREFIX}.listings": (None,), f"{PREFIX}.similarity": (None,)}
        return {f"{PREFIX}.ptr": (n_listings + 1,), **weights, f"{PREFIX}.fitted": (1,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        weights = Neighbors(*(arrays[f"{PREFIX}.{name}"] for name in Neighbors._fields))
        if not points_inside(weights.ptr, weights.listings, len(weights.ptr) - 1):
            raise ValueError("the weights point outside the listings")
        return cls(weights, int(arrays[f"{PREFIX}.fitted"][0]))


def most_favorited(data: TrainingSet, at_most: int) -> I64:
    """The listings with the most training favorites, ascending; ties go by the lower index."""
    counts = np.bincount(data.counts.indices, minlength=data.counts.shape[1])
    return np.sort(np.argsort(-counts, kind="stable")[:at_most])


def _of_listings(data: TrainingSet, valid: Favorites, listings: I64) -> TrainingSet:
    """The training set of these listings only."""
    counts = sparse.csr_matrix(data.counts[:, listings])
    counts.sort_indices()
    place = np.full(data.counts.shape[1], -1)
    place[listings] = np.arange(len(listings))
    kept = place[valid.indices] >= 0
    users = valid.users()[kept]
    part = favorites_of(users, place[valid.indices[kept]], len(valid.per_user()))
    return replace(data, counts=counts, valid=part, members={})


def _item_knn(data: TrainingSet, config: LdaConfig) -> ItemKnn:
    if ITEM_KNN in data.members:
        return cast(ItemKnn, data.members[ITEM_KNN])
    return ItemKnn.of(data, config, DEFAULT)


def _with_the_rest(weights: Neighbors, popular: I64, neighbors: Neighbors) -> Neighbors:
    """The weights of all listings: those of `popular`, and similarities, scaled to the same sum."""
    n_listings = len(neighbors.ptr) - 1
    lengths = np.zeros(n_listings, np.int64)
    lengths[popular] = np.diff(weights.ptr)
    ptr = np.concatenate([[0], np.cumsum(lengths)])
    shape = (n_listings, n_listings)
    fitted = sparse.csr_array((weights.similarity, popular[weights.listings], ptr), shape)
    similar = sparse.csr_array((neighbors.similarity, neighbors.listings, neighbors.ptr), shape)
    scale = np.full(n_listings, fitted.sum() / max(similar[popular].sum(), 1e-30), np.float32)
    scale[popular] = 0
    rest = sparse.diags_array(scale) @ similar
    rest.eliminate_zeros()
    together = sparse.csr_array(fitted + rest)
    together.sort_indices()
    values = together.data.astype(np.float32)
    return Neighbors(together.indptr.astype(np.int64), together.indices.astype(np.int32), values)
