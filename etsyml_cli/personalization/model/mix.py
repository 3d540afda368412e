"""A weighted sum of other recommenders, each divided by the standard deviation of its scores for the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np

from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64, I32
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites, rows_of
from etsyml_cli.personalization.model.mix_weights import CUTOFF, ascend, candidates_of, without_useless
from etsyml_cli.personalization.model.mixed_scores import MixedScores
from etsyml_cli.personalization.model.recommender import (
    ITEM_KNN,
    LDA,
    MIX,
    Addend,
    Arrays,
    Recommender,
    Shapes,
    TrainingSet,
    Users,
)
from etsyml_cli.personalization.model.top_k import BlockScores

DEFAULT_WEIGHTS = {LDA: 1.0, ITEM_KNN: 1.0}  # with too few users to learn them from
MIN_USERS = 30  # with held-out favorites


class MixChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The weights of the members, those dropped because they did not help, and the nDCG of each and of the mix."""

    weights: dict[str, float]
    dropped: list[str]
    valid_ndcg: dict[str, float] = msgspec.field(name=f"valid_ndcg@{CUTOFF}")


@dataclass(frozen=True)
class Member:
    """A recommender of a mix and its weight, above 0."""

    name: str
    recommender: Recommender
    weight: float


@dataclass(frozen=True)
class Mix(Recommender):
    """score = Σ weight_m · score_m / standard deviation of score_m; with one member, the score is that of the member.

    Subtracting the mean, too, would add a constant for each user and change no list.
    """

    members: tuple[Member, ...]
    chosen_weights: MixChoices | None = None

    @classmethod
    def of(
        cls, fitted: Mapping[str, Recommender], weights: Mapping[str, float], chosen: MixChoices | None = None
    ) -> Self:
        """The mix with these weights, of which some are above 0."""
        members = [Member(name, fitted[name], weight) for name, weight in weights.items() if weight > 0]
        return cls(tuple(members), chosen)

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        if data.valid is None:
            return cls._default(data)
        to_weigh = data.valid if data.weigh is None else data.weigh
        learn_from = candidates_of(data.members, data, to_weigh, None, seed)
        valid = candidates_of(data.members, data, data.valid, data.weigh, seed)
        if learn_from is None or valid is None or min(len(learn_from.n_held), len(valid.n_held)) < MIN_USERS:
            return cls._default(data)
        names = list(data.members)
        learned = ascend(learn_from.ndcg, len(names))
        kept = without_useless(learned, valid.ndcg)
        ndcg = {name: valid.ndcg(alone) for name, alone in zip(names, np.eye(len(names)), strict=True)}
        chosen = MixChoices(
            weights={name: weight for name, weight in zip(names, kept.tolist(), strict=True) if weight > 0},
            dropped=[name for name, weight in zip(names, kept.tolist(), strict=True) if weight == 0],
            valid_ndcg=ndcg | {MIX: valid.ndcg(kept)},
        )
        return cls.of(data.members, chosen.weights, chosen)

    @classmethod
    def _default(cls, data: TrainingSet) -> Self:
        weights = {name: weight for name, weight in DEFAULT_WEIGHTS.items() if name in data.members}
        logger.info("too few validation favorites: the mix has equal weights of %s", " and ".join(weights))
        return cls.of(data.members, weights)

    def refit(self, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return type(self).of(data.members, self.weights, self.chosen)

    @property
    def weights(self) -> dict[str, float]:
        """The weights by name of the member."""
        return {member.name: member.weight for member in self.members}

    @property
    def chosen(self) -> MixChoices | None:
        return self.chosen_weights

    def scores(self, users: Users) -> F64:
        if len(self.members) == 1:
            return self.members[0].recommender.scores(users)
        block = self._mixed(users)
        everything = _everything(len(users.rows), block.approximate.shape[1])
        return block.exact(everything).astype(np.float64).reshape(block.approximate.shape)

    def block(self, users: Users) -> BlockScores:
        if len(self.members) == 1:
            return self.members[0].recommender.block(users)
        return self._mixed(users)

    def _mixed(self, users: Users) -> MixedScores:
        blocks = [member.recommender.block(users) for member in self.members]
        return MixedScores.of(blocks, [member.weight for member in self.members])

    def explain(self, users: Users, listings: Sequence[int]) -> list[list[Addend]]:
        if len(self.members) == 1:
            return self.members[0].recommender.explain(users, listings)
        mixed: list[list[Addend]] = [[] for _ in listings]
        block, chosen = self._mixed(users), rows_of([np.asarray(listings, np.int32)])
        for member, scores, factor in zip(self.members, block.blocks, block.factors[0].tolist(), strict=True):
            of_member = member.recommender.explain(users, listings)
            for reasons, found, score in zip(mixed, of_member, scores.exact(chosen).tolist(), strict=True):
                whole = [] if score == 0 else [Addend(what=member.name, adds=score)]
                reasons += [_scaled(reason, factor) for reason in found or whole]
        return [sorted(reasons, key=lambda reason: -reason.adds) for reasons in mixed]

    def arrays(self) -> Arrays:
        names = "\n".join(self.weights).encode()
        return {
            "mix.members": np.frombuffer(names, np.uint8),
            "mix.weights": np.array(list(self.weights.values())),
        }

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"mix.members": (None,), "mix.weights": (None,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        names = arrays["mix.members"].tobytes().decode().split("\n")
        if unknown := set(names) - members.keys():
            raise ValueError(f"unknown members of the mix: {unknown}")
        return cls.of(members, dict(zip(names, arrays["mix.weights"].tolist(), strict=True)))


def _scaled(reason: Addend, factor: float) -> Addend:
    return Addend(what=reason.what, style=reason.style, favorite=reason.favorite, adds=factor * reason.adds)


def _everything(n_users: int, n_listings: int) -> Favorites:
    """All listings for each user."""
    listings: I32 = np.tile(np.arange(n_listings, dtype=np.int32), n_users)
    return Favorites(np.arange(n_users + 1, dtype=np.int64) * n_listings, listings)
