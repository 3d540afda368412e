"""Fit the recommenders: first on the older favorites, so that settings can be chosen, then on all favorites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.registry import resolve
from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda_engines import expect_positive
from etsyml_cli.personalization.model.lda_tuning import LdaChoices
from etsyml_cli.personalization.model.mix import Mix
from etsyml_cli.personalization.model.recommender import (
    LDA,
    MIX,
    RECOMMENDERS,
    Recommender,
    TrainingSet,
    names_to_fit,
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
    names, whole = names_to_fit(config, data), replace(data, weigh=None, valid=None)
    if data.valid is None:
        return FittedRecommenders(_fit(names, whole, config, seed), {})
    trial = _fit(names, _without_windows(data), config, seed)
    choices = {name: chosen for name, one in trial.items() if (chosen := one.chosen) is not None}
    return FittedRecommenders(_fit(names, whole, config, seed, trial), choices)


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
