from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.model import neighbors as module
from etsyml_cli.personalization.model.neighbors import nearest_listings


def slow_neighbors(counts: np.ndarray) -> np.ndarray:
    """The cosine of item columns after each row is divided by the root of its sum, as far as columns go."""
    of_user, of_listing = counts.sum(axis=1), counts.sum(axis=0)
    columns = counts / np.sqrt(np.maximum(of_user, 1e-9))[:, None] / np.sqrt(np.maximum(of_listing, 1e-9))
    similarity = columns.T @ columns
    np.fill_diagonal(similarity, 0)
    return similarity


@pytest.mark.parametrize("at_once", [7, 1024])
@pytest.mark.parametrize("kept", [3, 200])
def test_neighbors_are_the_largest_cosines(kept: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTINGS_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    counts = (rng.random((40, 25)) < 0.2) * rng.choice([1.0, 2.5], (40, 25))
    counts[:, 4], counts[3] = 0, 0
    ptr, listings, similarity = nearest_listings(sparse.csr_matrix(counts), kept)
    expected = slow_neighbors(counts)
    for i, row in enumerate(expected):
        found = slice(ptr[i], ptr[i + 1])
        np.testing.assert_allclose(similarity[found], row[listings[found]], rtol=1e-5)
        assert np.diff(listings[found]).min(initial=1) > 0
        most = np.sort(row[row > 0])[::-1][:kept]
        np.testing.assert_allclose(np.sort(similarity[found])[::-1], most, rtol=1e-5)
