"""Fit the recommenders: first on the older favorites, so that settings can be chosen, then on all favorites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.registry import resolve
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda_engines import expect_positive
from etsyml_cli.personalization.model.lda_tuning import LdaChoices
from etsyml_cli.personalization.model.mix import Mix
from etsyml_cli.personalization.model.recommender import (
    LDA,
    MIX,
    POPULARITY,
    RECOMMENDERS,
    Recommender,
    TrainingSet,
)

Choices = dict[str, msgspec.Struct]  # what each recommender chose, by its name


@dataclass(frozen=True)
class FittedRecommenders:
    """The fitted recommenders by name, and what they chose on the validation favorites, if there are any."""

    recommenders: Mapping[str, Recommender]
    choices: Choices

    @property
    def weights(self) -> dict[str, float]:
        """The weights of the members of the mix."""
        return cast(Mix, self.recommenders[MIX]).weights

    @property
    def passes(self) -> int | None:
        """The chosen number of passes of LDA."""
        return cast(LdaChoices, self.choices[LDA]).passes if LDA in self.choices else None


def learn(data: TrainingSet, config: LdaConfig, seed: int) -> FittedRecommenders:
    """Fit the recommenders named in `config` to the favorites in `data`.

    First they are fitted without `data.weigh` and `data.valid` and choose their settings on `data.valid`. The mix
    learns its weights on `data.weigh` and drops members on `data.valid`. Then all are fitted to all favorites with what
    was chosen. Raises UsageError for an unknown recommender.
    """
    expect_positive(data.counts)
    names, whole = names_of(config), replace(data, weigh=None, valid=None)
    if data.valid is None:
        return FittedRecommenders(_fit(names, whole, config, seed), {})
    trial = _fit(names, _without_windows(data), config, seed)
    choices = {name: chosen for name, one in trial.items() if (chosen := one.chosen) is not None}
    return FittedRecommenders(_fit(names, whole, config, seed, trial), choices)


def names_of(config: LdaConfig) -> list[str]:
    """The recommenders to fit, the mix last: those in `config`, and the two that every model needs."""
    for name in config.recommenders:
        resolve(RECOMMENDERS, name, "recommender")
    chosen = {POPULARITY, LDA, *config.recommenders}
    return [name for name in RECOMMENDERS if name in chosen and name != MIX] + [MIX]


def _fit(
    names: list[str],
    data: TrainingSet,
    config: LdaConfig,
    seed: int,
    trial: Mapping[str, Recommender] | None = None,
) -> dict[str, Recommender]:
    """Fit the recommenders, with the settings of those in `trial`, which were fitted with a validation set."""
    fitted: dict[str, Recommender] = {}
    for name in names:
        so_far = replace(data, members=dict(fitted))
        if trial is None:
            fitted[name] = resolve(RECOMMENDERS, name, "recommender").fit(so_far, config, seed)
        else:
            fitted[name] = trial[name].refit(so_far, config, seed)
    return fitted


def _without_windows(data: TrainingSet) -> TrainingSet:
    """The training set without the favorites to weigh and to validate with."""
    counts, windows = data.counts, [part for part in (data.weigh, data.valid) if part is not None]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    taken = [part.users() * counts.shape[1] + part.indices for part in windows]
    kept = ~np.isin(row * counts.shape[1] + counts.indices, np.concatenate(taken))
    part = sparse.csr_matrix((counts.data[kept], (row[kept], counts.indices[kept])), counts.shape)
    part.sort_indices()
    return replace(
        data,
        counts=part,
        favorites=Favorites(part.indptr.astype(np.int64), part.indices),
        ages=None if data.ages is None else data.ages[kept],
    )
