"""Words of listings as sparse vectors, by row and by term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.types import F32, F64, I64
from etsyml_cli.similar.nearest import Scan


@dataclass(frozen=True)
class Words:
    """Rows of length 1, or 0, of a sparse (I, D); all arrays may be memory maps.

    Listing i has `values[ptr[i]:ptr[i + 1]]` at `terms` with the same indices, ascending. Term t occurs in the listings
    `listings[starts[t]:starts[t + 1]]`, ascending, with the same values as `weights`, rounded to float32.
    """

    ptr: I64
    terms: NDArray[np.int32]
    values: F64
    starts: I64
    listings: NDArray[np.int32]
    weights: F32

    def scan(self, queries: I64) -> Scan:
        def add(first: int, sums: F32) -> None:
            _add(queries, self.ptr, self.terms, self.values, self.starts, self.listings, self.weights, first, sums)

        return add

    def exactly(self, listing: int, candidates: I64) -> F64:
        cosines = np.empty(len(candidates))
        _dots(self.ptr, self.terms, self.values, listing, candidates, cosines)
        return cosines

    def shared(self, listing: int, other: int) -> list[tuple[int, float]]:
        """The terms that two listings share and their contributions to the cosine, the largest first."""
        mine, theirs = (slice(self.ptr[row], self.ptr[row + 1]) for row in (listing, other))
        terms, at, other_at = np.intersect1d(self.terms[mine], self.terms[theirs], return_indices=True)
        adds = self.values[mine][at] * self.values[theirs][other_at]
        return sorted(zip(terms.tolist(), adds.tolist(), strict=True), key=lambda one: -one[1])


def words_of(rows: sparse.csr_matrix) -> Words:
    """The words of I listings from a sparse matrix (I, D)."""
    columns = rows.tocsc()
    return Words(
        ptr=rows.indptr.astype(np.int64),
        terms=rows.indices.astype(np.int32),
        values=rows.data.astype(np.float64),
        starts=columns.indptr.astype(np.int64),
        listings=columns.indices.astype(np.int32),
        weights=columns.data.astype(np.float32),
    )


@njit(cache=True, nogil=True)
def _add(queries, ptr, terms, values, starts, listings, weights, first, sums):  # type: ignore[no-untyped-def]
    end = first + sums.shape[1]
    for b in range(len(queries)):
        for j in range(ptr[queries[b]], ptr[queries[b] + 1]):
            stop = starts[terms[j] + 1]
            p = starts[terms[j]]
            p += np.searchsorted(listings[p:stop], first)
            while p < stop and listings[p] < end:
                sums[b, listings[p] - first] += values[j] * weights[p]
                p += 1


@njit(cache=True, nogil=True)
def _dots(ptr, terms, values, listing, candidates, cosines):  # type: ignore[no-untyped-def]
    """Merge the ascending terms of two listings."""
    for n in range(len(candidates)):
        i, j = ptr[listing], ptr[candidates[n]]
        i_stop, j_stop = ptr[listing + 1], ptr[candidates[n] + 1]
        total = 0.0
        while i < i_stop and j < j_stop:
            if terms[i] == terms[j]:
                total += values[i] * values[j]
                i += 1
                j += 1
            elif terms[i] < terms[j]:
                i += 1
            else:
                j += 1
        cosines[n] = total
