"""Blocks of features of N rows (a query and a listing shown for it), each a linear map that never copies its data.

A block has its width D, the scores Xw of its rows, the sums Xᵀc over them, and can select some of the rows. The crosses
of query words and listing tokens, `search/crosses.py`, are a block too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.types import F64, I64
from etsyml_cli.core.vectors import unit_rows

Selection = NDArray[np.int64] | NDArray[np.bool_]

ROWS_AT_ONCE = 4096


class Block(Protocol):
    """Features X of N rows, shape (N, width)."""

    @property
    def width(self) -> int: ...

    def scores(self, w: F64) -> F64:
        """Xw, shape (N,)."""

    def sums(self, c: F64) -> F64:
        """Xᵀc, shape (width,)."""

    def addends(self, c: F64) -> tuple[NDArray[np.integer], F64]:
        """Xᵀc as addends, shape (E,), and their columns, which may repeat: for a few rows of a wide block."""

    def take(self, rows: Selection) -> Self:
        """A block of these rows only."""

    def matrix(self) -> sparse.csr_matrix:
        """X itself, for a few rows: to explain or to export."""


@dataclass(frozen=True)
class Rows:
    """Features stored per row, (N, D), dense or sparse."""

    x: F64 | sparse.csr_matrix

    @property
    def width(self) -> int:
        return int(self.x.shape[1])

    def scores(self, w: F64) -> F64:
        return np.asarray(self.x @ w)

    def sums(self, c: F64) -> F64:
        return np.asarray(self.x.T @ c)

    def addends(self, c: F64) -> tuple[NDArray[np.integer], F64]:
        return _addends(self.x, c) if sparse.issparse(self.x) else _all_of(self.sums(c))

    def take(self, rows: Selection) -> Rows:
        return Rows(self.x[rows])

    def matrix(self) -> sparse.csr_matrix:
        return sparse.csr_matrix(self.x)


@dataclass(frozen=True)
class ListingTerms:
    """Features of the listing only: rows `listing`, shape (N,), of a sparse (I, D). Each listing is scored once."""

    x: sparse.csr_matrix
    listing: I64

    @property
    def width(self) -> int:
        return int(self.x.shape[1])

    def scores(self, w: F64) -> F64:
        return np.asarray(self.x @ w)[self.listing]

    def sums(self, c: F64) -> F64:
        return np.asarray(self.x.T @ self._of_listing(c))

    def addends(self, c: F64) -> tuple[NDArray[np.integer], F64]:
        return _addends(self.x, self._of_listing(c))

    def take(self, rows: Selection) -> ListingTerms:
        shown, listing = np.unique(self.listing[rows], return_inverse=True)
        return ListingTerms(self.x[shown], listing)

    def matrix(self) -> sparse.csr_matrix:
        return self.x[self.listing]

    def _of_listing(self, c: F64) -> F64:
        return np.bincount(self.listing, weights=c, minlength=self.x.shape[0]).astype(np.float64)


@dataclass(frozen=True)
class ListingPhotos:
    """[d_I, has photo] of the listing, rows of length 1; `photos`, (P, D), may be a memory map, read in pieces.

    `photo`, shape (I,), is the row of each listing in it, or -1: such listings have zeros only. `listing`, shape (N,).
    """

    photos: NDArray[np.floating]
    photo: I64
    listing: I64

    @property
    def width(self) -> int:
        return int(self.photos.shape[1]) + 1

    def scores(self, w: F64) -> F64:
        of_listing = np.zeros(len(self.photo))
        for piece, unit in self._pieces():
            of_listing[piece] = unit @ w[:-1].astype(np.float32) + w[-1]
        return of_listing[self.listing]

    def sums(self, c: F64) -> F64:
        of_listing = np.bincount(self.listing, weights=c, minlength=len(self.photo))
        total = np.zeros(self.width)
        for piece, unit in self._pieces():
            total[:-1] += of_listing[piece].astype(np.float32) @ unit
            total[-1] += of_listing[piece].sum()
        return total

    def addends(self, c: F64) -> tuple[NDArray[np.integer], F64]:
        return _all_of(self.sums(c))

    def take(self, rows: Selection) -> ListingPhotos:
        shown, listing = np.unique(self.listing[rows], return_inverse=True)
        return ListingPhotos(self.photos, self.photo[shown], listing)

    def matrix(self) -> sparse.csr_matrix:
        dense = np.zeros((len(self.listing), self.width))
        has = self.photo[self.listing] >= 0
        dense[has, :-1] = unit_rows(self.photos[self.photo[self.listing[has]]])
        dense[has, -1] = 1
        return sparse.csr_matrix(dense)

    def _pieces(self) -> Iterator[tuple[I64, NDArray[np.float32]]]:
        """The listings with a photo, in the photos' order, in pieces, and their photos."""
        in_order = np.argsort(self.photo, kind="stable")
        in_order = in_order[self.photo[in_order] >= 0]
        for start in range(0, len(in_order), ROWS_AT_ONCE):
            piece = in_order[start : start + ROWS_AT_ONCE]
            yield piece, unit_rows(self.photos[self.photo[piece]])


@dataclass(frozen=True)
class PhotoCrosses:
    """Query words × reduced photo: words (Q, U) of each query times z (I, K) of each listing, U · K features.

    The weights of a query are the sum of its words' weights: v = words @ W, so a row costs K products for any number of
    query words.
    """

    words: sparse.csr_matrix
    z: NDArray[np.floating]
    query: I64
    listing: I64

    @property
    def width(self) -> int:
        return int(self.words.shape[1] * self.z.shape[1])

    def scores(self, w: F64) -> F64:
        s = np.empty(len(self.query))
        v = np.ascontiguousarray(self.words @ w.reshape(self.words.shape[1], -1))
        _photo_scores(v, self.z, self.query, self.listing, s)
        return s

    def sums(self, c: F64) -> F64:
        return np.asarray(self.words.T @ self._of_query(c)).ravel()

    def addends(self, c: F64) -> tuple[NDArray[np.integer], F64]:
        query = np.repeat(np.arange(self.words.shape[0]), np.diff(self.words.indptr))
        values = self._of_query(c)[query] * self.words.data[:, None]
        return self._columns(self.words.indices).ravel(), values.ravel()

    def take(self, rows: Selection) -> PhotoCrosses:
        queries, query = np.unique(self.query[rows], return_inverse=True)
        return PhotoCrosses(self.words[queries], self.z, query, self.listing[rows])

    def matrix(self) -> sparse.csr_matrix:
        words = self.words[self.query]
        row = np.repeat(np.arange(len(self.query)), np.diff(words.indptr))
        values = words.data[:, None] * self.z[self.listing[row]]
        columns = self._columns(words.indices)
        shape = len(self.query), self.width
        return sparse.csr_matrix((values.ravel(), columns.ravel(), words.indptr * self.z.shape[1]), shape=shape)

    def _of_query(self, c: F64) -> F64:
        total = np.zeros((self.words.shape[0], self.z.shape[1]))
        _photo_sums(self.z, self.query, self.listing, c, total)
        return total

    def _columns(self, words: NDArray[np.integer]) -> I64:
        """The columns of the photo's K numbers for these words, shape (len(words), K)."""
        k = int(self.z.shape[1])
        return words[:, None].astype(np.int64) * k + np.arange(k, dtype=np.int64)


def _addends(x: sparse.csr_matrix, c: F64) -> tuple[NDArray[np.integer], F64]:
    return x.indices, x.data * np.repeat(c, np.diff(x.indptr))


def _all_of(sums: F64) -> tuple[I64, F64]:
    return np.arange(len(sums)), sums


@njit(cache=True, nogil=True)
def _photo_scores(v, z, query, listing, s):  # type: ignore[no-untyped-def]
    for r in range(len(query)):
        total = 0.0
        for k in range(z.shape[1]):
            total += v[query[r], k] * z[listing[r], k]
        s[r] = total


@njit(cache=True, nogil=True)
def _photo_sums(z, query, listing, c, of_query):  # type: ignore[no-untyped-def]
    for r in range(len(query)):
        if c[r] != 0:
            for k in range(z.shape[1]):
                of_query[query[r], k] += c[r] * z[listing[r], k]
