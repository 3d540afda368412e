"""Item-based nearest neighbors: listings with the most similar users (Deshpande & Karypis, TOIS 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.personalization.model.favorites import Neighbors

LISTINGS_AT_ONCE = 1024

Rows = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]  # lengths, listings and similarities


def nearest_listings(
    counts: sparse.csr_matrix, n_neighbors: int, *, shrinkage: float = 0.0, exponent: float = 0.5
) -> Neighbors:
    """The `n_neighbors` most similar of each of I listings; counts: (U, I), the weights of favorites.

    similarity(i, j) = Σ_u w_ui w_uj / s_u / (s_i s_j)^exponent · n / (n + shrinkage), where s_u and s_i are the sums of
    the weights of a user and a listing, and n is the number of users of both. It is the cosine of the columns if the
    exponent is 0.5; a smaller one favors popular listings. Users with few favorites have more influence per favorite
    (section 4.2). Shrinkage reduces similarities that rest on few users. Ties go by the lower index. The result does
    not depend on the number of threads.
    """
    of_user, of_listing = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    by_user = sparse.csr_array(sparse.diags_array(_power(of_user, -0.5)) @ counts, dtype=np.float32)
    by_listing = by_user.tocsc()
    norm = _power(of_listing, -exponent).astype(np.float32)
    n_listings = len(of_listing)

    def find(first: int) -> Rows:
        listings = np.arange(first, min(first + LISTINGS_AT_ONCE, n_listings))
        found: Rows = _nearest(
            listings,
            (by_listing.indptr, by_listing.indices, by_listing.data),
            (by_user.indptr, by_user.indices, by_user.data),
            norm,
            np.float32(shrinkage),
            n_neighbors,
        )
        return found

    with ThreadPoolExecutor(get_num_threads()) as pool:
        return joined(list(pool.map(find, range(0, n_listings, LISTINGS_AT_ONCE))))


def joined(parts: Sequence[Rows]) -> Neighbors:
    """The neighbors of all listings from those of successive listings."""
    lengths = np.concatenate([np.zeros(1, np.int64), *(part[0] for part in parts)])
    listings = np.concatenate([np.empty(0, np.int32), *(part[1] for part in parts)])
    return Neighbors(np.cumsum(lengths), listings, np.concatenate([np.empty(0, np.float32), *(p[2] for p in parts)]))


def _power(values: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    powers = np.zeros(len(values))
    np.power(values, exponent, out=powers, where=values > 0)
    return powers


@njit(cache=True, nogil=True)
def _nearest(chosen, by_listing, by_user, norm, shrinkage, most):  # type: ignore[no-untyped-def]
    """The neighbors of the chosen listings, from the favorites by listing and by user (row pointers, indices, data)."""
    user_ptr, users, of_user = by_listing
    ptr, listings, of_listing = by_user
    lengths = np.zeros(len(chosen), np.int64)
    found, similarity = np.empty(len(chosen) * most, np.int32), np.empty(len(chosen) * most, np.float32)
    sums, common = np.zeros(len(norm), np.float32), np.zeros(len(norm), np.int32)
    touched = np.empty(len(norm), np.int32)
    n = 0
    for row in range(len(chosen)):
        i, n_touched = chosen[row], 0
        for e in range(user_ptr[i], user_ptr[i + 1]):
            u = users[e]
            for f in range(ptr[u], ptr[u + 1]):
                j = listings[f]
                if common[j] == 0:
                    touched[n_touched] = j
                    n_touched += 1
                common[j] += 1
                sums[j] += of_user[e] * of_listing[f]
        sums[i] = 0
        for j in touched[:n_touched]:
            shared = np.float32(common[j])
            sums[j] *= norm[i] * norm[j] * (shared / (shared + shrinkage))
            common[j] = 0
        nearest = strongest(touched[:n_touched], sums[touched[:n_touched]], most)
        for j in nearest:
            found[n], similarity[n] = j, sums[j]
            n += 1
        lengths[row] = len(nearest)
        sums[touched[:n_touched]] = 0
    return lengths, found[:n].copy(), similarity[:n].copy()


@njit(cache=True, nogil=True)
def strongest(listings, strength, most):  # type: ignore[no-untyped-def]
    """The listings with the `most` largest strengths above 0, ascending; ties go by the lower index."""
    listings, strength = listings[strength > 0], strength[strength > 0]
    if len(listings) <= most:
        return np.sort(listings)
    least = np.partition(strength, len(strength) - most)[len(strength) - most]
    above = listings[strength > least]
    ties = np.sort(listings[strength == least])[: most - len(above)]
    return np.sort(np.concatenate((above, ties)))


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
