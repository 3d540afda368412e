"""Fit all recommenders: first without a validation set, on which settings are chosen, then on all favorites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.core.registry import resolve
from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.lda_engines import expect_positive
from etsyml_cli.personalization.model.mix import DEFAULT_SHARE, RECALL_CUTOFF, Mix
from etsyml_cli.personalization.model.recommender import (
    LDA,
    MIX,
    RECOMMENDERS,
    Recommender,
    TrainingSet,
    names_to_fit,
)


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """The settings chosen on the validation set, and the validation metrics."""

    eta: float | None
    passes: int
    share: float
    valid_perplexity: dict[str, list[float]]
    valid_unigram_perplexity: float
    valid_recall: dict[str, float] = msgspec.field(name=f"valid_recall@{RECALL_CUTOFF}")


@dataclass(frozen=True)
class FittedRecommenders:
    """The fitted recommenders by name, and the choices; None if there is no validation set."""

    recommenders: Mapping[str, Recommender]
    choices: Choices | None

    @property
    def share(self) -> float:
        """The weight of the neighbors in the mix."""
        return cast(Mix, self.recommenders[MIX]).share


def learn(data: TrainingSet, config: LdaConfig, seed: int) -> FittedRecommenders:
    """Fit all recommenders to the favorites in `data`; `data.valid` is first used to choose settings."""
    expect_positive(data.counts)
    whole = replace(data, weigh=None, valid=None)
    if data.valid is None:
        logger.info("no validation favorites: using the default neighbor weight %s", f"{DEFAULT_SHARE:.0%}")
        return FittedRecommenders(_fit(whole, config, seed), None)
    trial = _fit(_without_windows(data), config, seed)
    return FittedRecommenders(_fit(whole, config, seed, trial), _choices(trial))


def _fit(
    data: TrainingSet, config: LdaConfig, seed: int, trial: Mapping[str, Recommender] | None = None
) -> dict[str, Recommender]:
    """Fit all recommenders, with the settings of those in `trial`, which were fitted with a validation set."""
    fitted: dict[str, Recommender] = {}
    for name in names_to_fit(config, data):
        so_far = replace(data, members=fitted)
        if trial is None:
            fitted[name] = resolve(RECOMMENDERS, name, "recommender").fit(so_far, config, seed)
        else:
            fitted[name] = trial[name].refit(so_far, config, seed)
    return fitted


def _choices(trial: Mapping[str, Recommender]) -> Choices:
    of_lda, mix = cast(Lda, trial[LDA]).choices, cast(Mix, trial[MIX])
    if of_lda is None or mix.recalls is None:
        raise ValueError("fitted without a validation set")
    return Choices(
        eta=of_lda.eta,
        passes=of_lda.passes,
        share=mix.share,
        valid_perplexity=of_lda.perplexities,
        valid_unigram_perplexity=of_lda.unigram_perplexity,
        valid_recall={str(share): recall for share, recall in mix.recalls.items()},
    )


def _without_windows(data: TrainingSet) -> TrainingSet:
    """The training set without the favorites of `weigh` and `valid`, of which only those of its users are kept."""
    counts, kept = data.counts, _outside(data.counts, [data.weigh, data.valid])
    indptr = np.concatenate([[0], np.cumsum(kept)])[counts.indptr].astype(np.int64)
    base = Favorites(indptr, counts.indices[kept])
    return replace(
        data,
        counts=sparse.csr_matrix((counts.data[kept], base.indices, base.indptr), counts.shape),
        favorites=base,
        weigh=None if data.weigh is None else _of_users(data.weigh, base.per_user() > 0),
        valid=None if data.valid is None else _of_users(data.valid, base.per_user() > 0),
        ages=None if data.ages is None else _younger(data.ages[kept]),
    )


def _outside(counts: sparse.csr_matrix, parts: Sequence[Favorites | None]) -> Bools:
    """Which stored entries of `counts` are in none of the parts."""
    n_listings = counts.shape[1]

    def pairs(favorites: Favorites) -> I64:
        return np.asarray(favorites.users() * n_listings + favorites.indices)

    taken = [pairs(part) for part in parts if part is not None]
    return ~np.isin(pairs(Favorites(counts.indptr.astype(np.int64), counts.indices)), np.concatenate(taken))


def _of_users(favorites: Favorites, users: Bools) -> Favorites:
    """The favorites of these users, (U,), and none of the others."""
    kept = users[favorites.users()]
    indptr = np.concatenate([[0], np.cumsum(np.where(users, favorites.per_user(), 0))]).astype(np.int64)
    return Favorites(indptr, favorites.indices[kept])


def _younger(ages: F64) -> F64:
    """Ages of favorites before a window, relative to their own newest: their 1% quantile, as in `ages_of`."""
    return np.maximum(ages - np.quantile(ages, 0.01, method="higher"), 0) if len(ages) else ages
