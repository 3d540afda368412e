"""The weights of EASE (Steck, WWW 2019, equation 8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import get_num_threads, njit
from scipy import sparse
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F32
from etsyml_cli.personalization.model.favorites import Neighbors
from etsyml_cli.personalization.model.neighbors import joined, strongest

LEAST_WEIGHTS = 500  # kept per favorite, the largest in absolute value; more of a small catalog:
ALL_WEIGHTS = 4_000_000
LISTINGS_AT_ONCE = 512


def favorite_weights(counts: sparse.csr_matrix, penalty: float) -> Neighbors:
    """The largest weights, in absolute value, of each of I favorites for the other listings.

    With X = `counts`, (U, I), and P = (XᵀX + penalty)⁻¹, favorite f adds -P_fw / P_ww to the score of listing w. This
    minimizes the squared error of X = X B with a quadratic penalty and a zero diagonal of B.
    """
    inverse = _inverse(_gram(counts), penalty)
    most = max(LEAST_WEIGHTS, ALL_WEIGHTS // max(len(inverse), 1))
    diagonal = inverse.diagonal().copy()

    def find(first: int):  # type: ignore[no-untyped-def]
        return _largest_weights(inverse[first : first + LISTINGS_AT_ONCE], diagonal, first, most)

    with ThreadPoolExecutor(get_num_threads()) as pool:
        return joined(list(pool.map(find, range(0, len(inverse), LISTINGS_AT_ONCE))))


def _gram(counts: sparse.csr_matrix) -> F32:
    """XᵀX, (I, I), in memory by columns."""
    single = sparse.csc_array(counts, dtype=np.float32)
    gram = np.empty((single.shape[1], single.shape[1]), np.float32, order="F")
    for start in range(0, len(gram), LISTINGS_AT_ONCE):
        piece = slice(start, start + LISTINGS_AT_ONCE)
        gram[:, piece] = (single.T @ single[:, piece]).toarray()
    return gram


def _inverse(gram: F32, penalty: float) -> F32:
    """(gram + penalty)⁻¹, in the memory of `gram`; one BLAS thread, because more lead to other last bits."""
    from scipy.linalg import lapack  # slow to import

    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    with threadpool_limits(1, user_api="blas"):
        factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1, clean=0)
        if not failed:
            lower, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError("the matrix of common favorites has no inverse")
    _mirror(lower.T)
    return np.asarray(lower.T)


@njit(cache=True, nogil=True)
def _mirror(upper):  # type: ignore[no-untyped-def]
    """Copy the upper triangle to the lower one."""
    for row in range(len(upper)):
        for column in range(row):
            upper[row, column] = upper[column, row]


@njit(cache=True, nogil=True)
def _largest_weights(inverse, diagonal, first, most):  # type: ignore[no-untyped-def]
    """The lengths, listings and weights of the favorites first, first + 1, ...; inverse: their rows."""
    n_listings = inverse.shape[1]
    everything = np.arange(n_listings).astype(np.int32)
    lengths = np.zeros(len(inverse), np.int64)
    size = len(inverse) * min(most, n_listings)
    listings, weights = np.empty(size, np.int32), np.empty(size, np.float32)
    n = 0
    for row in range(len(inverse)):
        of_favorite = -inverse[row] / diagonal
        of_favorite[first + row] = 0
        largest = strongest(everything, np.abs(of_favorite), most)
        for listing in largest:
            listings[n], weights[n] = listing, of_favorite[listing]
            n += 1
        lengths[row] = len(largest)
    return lengths, listings[:n].copy(), weights[:n].copy()
