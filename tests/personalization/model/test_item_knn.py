from __future__ import annotations

import numpy as np
from scipy import sparse

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import favorites_of
from etsyml_cli.personalization.model.item_knn import ItemKnn
from etsyml_cli.personalization.model.recommender import TrainingSet


def with_chance_neighbors() -> TrainingSet:
    """Two tastes of 20 popular listings, and many listings that one user favorited together with one popular listing.

    By the plain cosine a listing with a single favorite is a perfect neighbor of others of the same user.
    """
    rng = np.random.default_rng(0)
    taste = (np.arange(100)[:, None] % 2) == (np.arange(20) % 2)
    popular = rng.random(taste.shape) < np.where(taste, 0.5, 0.02)
    rare = np.zeros((100, 200))
    rare[np.repeat(np.arange(100), 2), np.arange(200)] = 1
    counts = np.hstack([popular, rare])
    held = [(user, int(rng.choice(np.flatnonzero(row[:20])))) for user, row in enumerate(counts) if row[:20].any()]
    for user, listing in held:
        counts[user, listing] = 0
    users, listings = np.nonzero(counts)
    valid = favorites_of(*np.array(held).T, 100)
    return TrainingSet(sparse.csr_matrix(counts), favorites_of(users, listings, 100), valid=valid)


def test_shrinkage_is_chosen_where_neighbors_rest_on_one_user() -> None:
    data = with_chance_neighbors()
    model = ItemKnn.fit(data, LdaConfig(), 0)
    assert model.similarity.shrinkage > 0 or model.similarity.exponent < 0.5
    best = model.scores(data.users(np.arange(100))).argsort(axis=1)[:, -5:]
    assert (best < 20).mean() > 0.8
    assert model.refit(data, LdaConfig(), 0).similarity == model.similarity == model.chosen
