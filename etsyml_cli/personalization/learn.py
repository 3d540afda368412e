"""Fit all recommenders: first without a validation set, on which settings are chosen, then on all favorites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.core.registry import resolve
from etsyml_cli.core.types import F64
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
    whole = replace(data, valid=None)
    if data.valid is None:
        logger.info("no validation favorites: using the default neighbor weight %s", f"{DEFAULT_SHARE:.0%}")
        return FittedRecommenders(_fit(whole, config, seed), None)
    trial = _fit(_without_valid(data, data.valid), config, seed)
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


def _without_valid(data: TrainingSet, valid: Favorites) -> TrainingSet:
    """The training set without its validation favorites."""
    part = _without(data.counts, valid)
    favorites = Favorites(part.indptr.astype(np.int64), part.indices)
    return replace(data, counts=part, favorites=favorites, ages=None if data.ages is None else _ages(data, part))


def _without(counts: sparse.csr_matrix, favorites: Favorites) -> sparse.csr_matrix:
    taken = sparse.csr_matrix((np.ones(len(favorites.indices)), favorites.indices, favorites.indptr), counts.shape)
    kept = counts - counts.multiply(taken)
    kept.eliminate_zeros()
    kept.sort_indices()
    return sparse.csr_matrix(kept)


def _ages(data: TrainingSet, part: sparse.csr_matrix) -> F64:
    """The ages of the favorites in `part`."""
    counts = data.counts
    ages = sparse.csr_matrix((cast(F64, data.ages) + 1, counts.indices, counts.indptr), counts.shape)  # 0 is no entry
    ages = sparse.csr_matrix(ages.multiply(part.astype(bool)))
    ages.sort_indices()
    return np.asarray(ages.data - 1)
