from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import favorites_of
from etsyml_cli.personalization.model.popularity import Popularity
from etsyml_cli.personalization.model.recommender import TrainingSet


def fashion(recent: bool) -> TrainingSet:
    """The first 30 listings were favorited 100 days ago, most often, the last 30 lately; later favorites are of these.

    Without `recent`, later favorites are of the first ones.
    """
    rng = np.random.default_rng(0)
    old, new = rng.random((50, 30)) < 0.5, rng.random((50, 30)) < 0.2
    counts = np.hstack([old, new])
    users, listings = np.nonzero(counts)
    later = np.flatnonzero(~counts.ravel() & (np.tile(np.arange(60) >= 30, 50) == recent))
    valid = favorites_of(*np.divmod(rng.choice(later, 200, replace=False), 60), 50)
    ages = np.where(listings < 30, 100.0, 1.0)
    return TrainingSet(sparse.csr_matrix(counts * 1.0), favorites_of(users, listings, 50), valid=valid, ages=ages)


def test_recent_favorites_count_more_where_fashion_changes() -> None:
    data = fashion(recent=True)
    model = Popularity.fit(data, LdaConfig(), 0)
    assert model.half_life is not None
    expected = np.zeros(60)
    for listing, age in zip(data.counts.indices, data.ages, strict=True):
        expected[listing] += 0.5 ** (age / model.half_life)
    scores = model.scores(data.users(np.array([0])))[0]
    np.testing.assert_allclose(scores, expected / expected.sum())
    assert model.refit(replace(data, valid=None), LdaConfig(), 0).half_life == model.half_life


def test_all_favorites_count_the_same_where_it_does_not() -> None:
    data = fashion(recent=False)
    model = Popularity.fit(data, LdaConfig(), 0)
    assert model.half_life is None
    assert model.favorites.tolist() == np.bincount(data.favorites.indices, minlength=60).tolist()


def test_without_times_all_favorites_count_the_same() -> None:
    assert Popularity.fit(replace(fashion(recent=True), ages=None), LdaConfig(), 0).half_life is None
