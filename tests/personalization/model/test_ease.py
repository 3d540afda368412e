from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model import ease as module
from etsyml_cli.personalization.model import ease_weights
from etsyml_cli.personalization.model.ease import Ease
from etsyml_cli.personalization.model.ease_weights import favorite_weights
from etsyml_cli.personalization.model.favorites import Favorites, Neighbors, favorites_of
from etsyml_cli.personalization.model.item_knn import ItemKnn
from etsyml_cli.personalization.model.recommender import TrainingSet, Users


def slow_weights(counts: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge regressions of each listing on all others, one after the other: the definition of EASE's minimum."""
    n = counts.shape[1]
    weights = np.zeros((n, n))
    for listing in range(n):
        others = np.delete(np.arange(n), listing)
        x = counts[:, others]
        weights[others, listing] = np.linalg.solve(x.T @ x + penalty * np.eye(n - 1), x.T @ counts[:, listing])
    return weights


def dense(weights: Neighbors) -> np.ndarray:
    n = len(weights.ptr) - 1
    return sparse.csr_array((weights.similarity, weights.listings, weights.ptr), (n, n)).toarray()


def random_counts(users: int = 60, listings: int = 25) -> np.ndarray:
    rng = np.random.default_rng(3)
    counts = (rng.random((users, listings)) < rng.uniform(0.05, 0.4, listings)) * 1.0
    counts[:, 4] = 0
    return counts


def training_set(counts: np.ndarray) -> TrainingSet:
    users, listings = np.nonzero(counts)
    return TrainingSet(sparse.csr_matrix(counts), favorites_of(users, listings, len(counts)))


@pytest.mark.parametrize("at_once", [7, 512])
def test_weights_are_those_of_one_regression_per_listing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease_weights, "LISTINGS_AT_ONCE", at_once)
    counts = random_counts()
    found = dense(favorite_weights(sparse.csr_matrix(counts), 20.0))
    np.testing.assert_allclose(found, slow_weights(counts, 20.0), atol=1e-5)
    assert (found < 0).any()


def test_the_largest_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease_weights, "LEAST_WEIGHTS", 3)
    monkeypatch.setattr(ease_weights, "ALL_WEIGHTS", 0)
    counts = random_counts()
    found, expected = dense(favorite_weights(sparse.csr_matrix(counts), 20.0)), slow_weights(counts, 20.0)
    for row, all_weights in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.sort(np.abs(row))[-3:], np.sort(np.abs(all_weights))[-3:], atol=1e-5)
        assert (row != 0).sum() <= 3


def test_a_score_is_the_sum_of_the_weights_of_the_favorites() -> None:
    counts = random_counts()
    model = Ease.fit(training_set(counts), LdaConfig(), 0)
    new = Users(np.array([-1]), favorites_of(np.zeros(2, np.int64), np.array([3, 9]), 1))
    expected = slow_weights(counts, model.penalty)[[3, 9]].sum(axis=0)
    np.testing.assert_allclose(model.scores(new)[0], expected, atol=1e-5)


def test_listings_outside_the_most_favorited_have_scaled_similarities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTINGS", 10)
    counts = random_counts()
    data = training_set(counts)
    model = Ease.fit(data, LdaConfig(), 0)
    popular = np.sort(np.argsort(-counts.sum(axis=0), kind="stable")[:10])
    rest = np.setdiff1d(np.arange(25), popular)
    weights, similarities = dense(model.weights), dense(ItemKnn.fit(data, LdaConfig(), 0).neighbors)
    assert model.n_fitted == 10
    within = slow_weights(counts[:, popular], model.penalty)
    np.testing.assert_allclose(weights[np.ix_(popular, popular)], within, atol=1e-5)
    assert not weights[np.ix_(popular, rest)].any()
    scale = within.sum() / similarities[popular].sum()
    np.testing.assert_allclose(weights[rest], scale * similarities[rest], rtol=1e-3)


def test_the_penalty_is_the_one_that_finds_the_held_out_favorites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings come in pairs that are always favorited together, in noise that a small penalty takes for taste."""
    monkeypatch.setattr(module, "PENALTIES", (1e6, 5.0))
    rng = np.random.default_rng(0)
    pairs = rng.random((80, 30)) < 0.15
    counts = np.repeat(pairs, 2, axis=1) * 1.0
    held = [(user, int(rng.choice(np.flatnonzero(row)))) for user, row in enumerate(counts) if row.any()]
    for user, listing in held:
        counts[user, listing] = 0
    valid = favorites_of(*np.array(held).T, 80)
    data = training_set(counts)
    model = Ease.fit(TrainingSet(data.counts, data.favorites, valid=valid), LdaConfig(), 0)
    top = model.scores(data.users(np.array([user for user, _ in held])))
    unseen = [np.where(counts[user] > 0, -np.inf, row) for (user, _), row in zip(held, top, strict=True)]
    assert model.penalty == 5.0
    assert np.mean([row.argmax() == listing for (_, listing), row in zip(held, unseen, strict=True)]) > 0.8
    assert model.refit(data, LdaConfig(), 0).penalty == 5.0


def test_weights_that_point_outside_the_listings_are_refused() -> None:
    model = Ease.fit(training_set(random_counts()), LdaConfig(), 0)
    arrays = dict(model.arrays()) | {"ease.listings": model.weights.listings + 20}
    with pytest.raises(ValueError, match="outside"):
        Ease.load(arrays, {})


def test_no_favorites_no_score() -> None:
    model = Ease.fit(training_set(random_counts()), LdaConfig(), 0)
    nobody = Users(np.array([-1]), Favorites(np.zeros(2, np.int64), np.empty(0, np.int32)))
    assert not model.scores(nobody).any()
