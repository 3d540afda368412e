"""Item-based nearest neighbors: listings with the most similar users (Deshpande & Karypis, TOIS 2004)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.personalization.model.favorites import Neighbors

LISTINGS_AT_ONCE = 1024


def nearest_listings(counts: sparse.csr_matrix, n_neighbors: int) -> Neighbors:
    """The `n_neighbors` most similar of each of I listings; counts: (U, I), the weights of favorites.

    The similarity is the cosine of their columns, with each user's row divided by the square root of its sum, so that
    users with few favorites have more influence per favorite (section 4.2). Memory holds the result and the products of
    LISTINGS_AT_ONCE listings. Ties go by the lower index.
    """
    of_user, of_listing = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    columns = sparse.diags_array(_inverse_root(of_user)) @ counts @ sparse.diags_array(_inverse_root(of_listing))
    columns = sparse.csr_array(columns, dtype=np.float32)
    rows = columns.T.tocsr()
    ptr, kept, similarity = [np.zeros(1, np.int64)], [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for start in range(0, rows.shape[0], LISTINGS_AT_ONCE):
        products = (rows[start : start + LISTINGS_AT_ONCE] @ columns).tocsr()
        products.sort_indices()
        lengths, listings, values = _largest(
            products.indptr.astype(np.int64), products.indices.astype(np.int32), products.data, start, n_neighbors
        )
        ptr.append(ptr[-1][-1] + np.cumsum(lengths))
        kept.append(listings)
        similarity.append(values)
    return Neighbors(np.concatenate(ptr), np.concatenate(kept), np.concatenate(similarity))


def _inverse_root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse: NDArray[np.float64] = np.divide(1, np.sqrt(values), out=np.zeros_like(values), where=values > 0)
    return inverse


@njit(cache=True, nogil=True)
def _largest(ptr, listings, values, first, most):  # type: ignore[no-untyped-def]
    """The `most` largest values of each row except for the listing itself, first + row, in listing order."""
    lengths = np.zeros(len(ptr) - 1, np.int64)
    kept = np.empty(len(listings), np.int32)
    kept_values = np.empty(len(listings), np.float32)
    n = 0
    for row in range(len(ptr) - 1):
        row_values = values[ptr[row] : ptr[row + 1]].copy()
        least, ties = np.float32(0), 0  # values above `least` are kept, and the first `ties` that equal it
        for e in range(len(row_values)):
            if listings[ptr[row] + e] == first + row:
                row_values[e] = 0
        if len(row_values) > most:
            least = np.partition(row_values, len(row_values) - most)[len(row_values) - most]
            ties = most - (row_values > least).sum()
        for e in range(len(row_values)):
            tie = row_values[e] == least and ties > 0
            if row_values[e] > 0 and (row_values[e] > least or tie):
                ties -= tie
                kept[n], kept_values[n] = listings[ptr[row] + e], row_values[e]
                lengths[row] += 1
                n += 1
    return lengths, kept[:n].copy(), kept_values[:n].copy()


@njit(cache=True, nogil=True)
def add_similarities(fav_ptr, favorites, ptr, neighbors, similarity, sums):  # type: ignore[no-untyped-def]
    """Add to sums, (users, I), the similarity of each listing to each favorite; return the highest sums, (users,)."""
    highest_sums = np.zeros(len(sums), np.float64)
    for row in range(len(sums)):
        highest = np.float32(0)
        for f in favorites[fav_ptr[row] : fav_ptr[row + 1]]:
            for e in range(ptr[f], ptr[f + 1]):
                sums[row, neighbors[e]] += similarity[e]
                highest = max(highest, sums[row, neighbors[e]])
        highest_sums[row] = highest
    return highest_sums
