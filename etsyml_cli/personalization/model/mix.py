"""A weighted sum of other recommenders, each divided by its highest score for the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.definitions.recall import recall
from etsyml_cli.metrics.recommendation import hits_of
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.item_knn import ItemKnn
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.recommender import (
    ITEM_KNN,
    LDA,
    Addend,
    Arrays,
    Recommender,
    Shapes,
    TrainingSet,
    Users,
)
from etsyml_cli.personalization.model.styles_and_neighbors import TINY, styles_and_neighbors
from etsyml_cli.personalization.model.top_k import BlockScores, ExactScores, top_listings

SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(11))
DEFAULT_SHARE = 0.7  # of the neighbors, if there is no validation set to choose it on
RECALL_CUTOFF = 20
MAX_VALIDATION_USERS = 5000  # users; more take longer and lead to the same choice


@dataclass(frozen=True)
class Member:
    """A recommender of a mix and its weight, above 0."""

    name: str
    recommender: Recommender
    weight: float


@dataclass(frozen=True)
class Mix(Recommender):
    """score = Σ weight_m · score_m / max |score_m|; with one member, the score is that of the member.

    share: the weight of the neighbors, 1 - share is that of the styles. recalls: recall on the validation set by share.
    """

    members: tuple[Member, ...]
    share: float
    recalls: Mapping[float, float] | None = None

    @classmethod
    def of(cls, fitted: Mapping[str, Recommender], share: float, recalls: Mapping[float, float] | None = None) -> Self:
        """The mix of styles and neighbors with this weight of the neighbors."""
        weights = {LDA: 1 - share, ITEM_KNN: share}
        members = [Member(name, fitted[name], weight) for name, weight in weights.items() if weight > 0]
        return cls(tuple(members), share, recalls)

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if data.valid is None:
            return cls.of(data.members, DEFAULT_SHARE)
        recalls = _recalls(data, data.valid, seed)
        return cls.of(data.members, max(recalls, key=lambda share: (recalls[share], -share)), recalls)

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return type(self).of(data.members, self.share)

    def scores(self, users: Users) -> F64:
        if len(self.members) == 1:
            return self.members[0].recommender.scores(users)
        scores = [member.recommender.scores(users) for member in self.members]
        mixed = np.zeros_like(scores[0])
        for member, of_member in zip(self.members, scores, strict=True):
            mixed += member.weight * (of_member / _highest(of_member))
        return mixed

    def block(self, users: Users) -> BlockScores:
        if len(self.members) == 1:
            return self.members[0].recommender.block(users)
        if [member.name for member in self.members] == [LDA, ITEM_KNN]:
            lda, knn = cast(Lda, self.members[0].recommender), cast(ItemKnn, self.members[1].recommender)
            theta = lda.profiles(users)
            return styles_and_neighbors(theta, lda.beta, lda.by_listing, knn.neighbors, users.favorites, self.share)
        return ExactScores.of(self.scores(users))

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        if len(self.members) == 1:
            return self.members[0].recommender.explain(users, listings)
        mixed: list[list[Addend]] = [[] for _ in listings]
        for member in self.members:
            factor = member.weight / float(_highest(member.recommender.scores(users))[0, 0])
            for reasons, of_member in zip(mixed, member.recommender.explain(users, listings), strict=True):
                reasons += [_scaled(reason, factor) for reason in of_member]
        return [sorted(reasons, key=lambda reason: -reason.adds) for reasons in mixed]

    def arrays(self) -> Arrays:
        return {"share": np.array([self.share])}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"share": (1,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        return cls.of(members, float(arrays["share"][0]))


def _highest(scores: F64) -> F64:
    """The highest absolute score per user, (B, 1); TINY if all are 0."""
    return np.asarray(np.maximum(np.abs(scores).max(axis=1, keepdims=True), TINY))


def _scaled(reason: Addend, factor: float) -> Addend:
    return Addend(what=reason.what, style=reason.style, favorite=reason.favorite, adds=factor * reason.adds)


def _recalls(data: TrainingSet, valid: Favorites, seed: int) -> dict[float, float]:
    """Recall on the validation favorites by weight of the neighbors, over at most MAX_VALIDATION_USERS users."""
    rows = np.flatnonzero(valid.per_user())
    if len(rows) > MAX_VALIDATION_USERS:
        rows = np.sort(generator(seed, "lda", "judged").choice(rows, MAX_VALIDATION_USERS, replace=False))
    users, held = data.users(rows), valid.take(rows)
    recalls = {}
    for share in SHARES:
        top, _ = top_listings(Mix.of(data.members, share), users, users.favorites, RECALL_CUTOFF)
        recalls[share] = float(recall(hits_of(top, held.indptr, held.indices), held.per_user()).mean())
    return recalls
