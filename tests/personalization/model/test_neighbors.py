from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.model import neighbors as module
from etsyml_cli.personalization.model.neighbors import nearest_listings


def slow_neighbors(counts: np.ndarray, shrinkage: float = 0.0, exponent: float = 0.5) -> np.ndarray:
    """The similarities by definition, one pair of listings and one user after the other."""
    of_user, of_listing = counts.sum(axis=1), counts.sum(axis=0)
    similarity = np.zeros((counts.shape[1], counts.shape[1]))
    for i, j in permutations(range(counts.shape[1]), 2):
        both = [user for user, row in enumerate(counts) if row[i] and row[j]]
        if both:
            total = sum(counts[user, i] * counts[user, j] / of_user[user] for user in both)
            support = len(both) / (len(both) + shrinkage)
            similarity[i, j] = total / (of_listing[i] * of_listing[j]) ** exponent * support
    return similarity


@pytest.mark.parametrize("at_once", [7, 1024])
@pytest.mark.parametrize("kept", [3, 200])
@pytest.mark.parametrize(("shrinkage", "exponent"), [(0.0, 0.5), (3.0, 0.7)])
def test_neighbors_are_the_most_similar_listings(
    kept: int, at_once: int, shrinkage: float, exponent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTINGS_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    counts = (rng.random((40, 25)) < 0.2) * rng.choice([1.0, 2.5], (40, 25))
    counts[:, 4], counts[3] = 0, 0
    ptr, listings, similarity = nearest_listings(
        sparse.csr_matrix(counts), kept, shrinkage=shrinkage, exponent=exponent
    )
    expected = slow_neighbors(counts, shrinkage, exponent)
    for i, row in enumerate(expected):
        found = slice(ptr[i], ptr[i + 1])
        np.testing.assert_allclose(similarity[found], row[listings[found]], rtol=1e-5)
        assert np.diff(listings[found]).min(initial=1) > 0
        most = np.sort(row[row > 0])[::-1][:kept]
        np.testing.assert_allclose(np.sort(similarity[found])[::-1], most, rtol=1e-5)


def test_of_equally_similar_listings_the_first_are_kept() -> None:
    everyone_likes_all = sparse.csr_matrix(np.ones((5, 9)))
    ptr, listings, _ = nearest_listings(everyone_likes_all, 3)
    assert listings[ptr[4] : ptr[5]].tolist() == [0, 1, 2]
    assert listings[ptr[1] : ptr[2]].tolist() == [0, 2, 3]
