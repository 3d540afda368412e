"""Photo features of listings as vectors, whole and as short sketches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F32, F64, I64
from etsyml_cli.core.vectors import TINY
from etsyml_cli.similar.nearest import Scan

ROWS_AT_ONCE = 4096
DIMENSION = 128
SAMPLE_SIZE = 20_000  # photos to fit the directions on; more hardly change them
SCALE = 2**11  # a power of two divides without rounding, and products stay below 2²⁴


@dataclass(frozen=True)
class Photos:
    """Rows of `matrix`, (P, D), which may be a memory map and is read in pieces.

    `photo`, (I,), is the row of each listing, or -1; `length`, (I,), the length of the row, 0 without a photo.
    """

    matrix: NDArray[Any]
    photo: I64
    length: F64

    def scan(self, queries: I64) -> Scan:
        mine = self.unit(queries)

        def add(first: int, sums: F32) -> None:
            sums += mine @ self.unit(np.arange(first, first + sums.shape[1])).T

        return add

    def exactly(self, listing: int, candidates: I64) -> F64:
        cosines = np.zeros(len(candidates))
        if not self.length[listing]:
            return cosines
        mine = self.matrix[self.photo[listing]].astype(np.float64)
        has = np.flatnonzero(self.length[candidates] > 0)
        for start in range(0, len(has), ROWS_AT_ONCE):
            piece = has[start : start + ROWS_AT_ONCE]
            products = self.matrix[self.photo[candidates[piece]]].astype(np.float64) * mine
            cosines[piece] = products.sum(axis=1) / (self.length[candidates[piece]] * self.length[listing])
        return cosines

    def unit(self, rows: I64) -> F32:
        """Unit rows (N, D) of these listings, zeros without a photo."""
        unit = np.zeros((len(rows), self.matrix.shape[1]), np.float32)
        has = self.photo[rows] >= 0
        unit[has] = self.matrix[self.photo[rows[has]]]
        unit /= np.maximum(self.length[rows], TINY).astype(np.float32)[:, None]
        return unit


@dataclass(frozen=True)
class SketchedPhotos:
    """Photos that are scanned by short integer vectors, (I, K), with products of SCALE² times the cosine.

    Sums of integers below 2²⁴ are exact in float32 in any order, so the scan does not depend on the number of threads.
    """

    photos: Photos
    sketch: NDArray[np.int16]

    def scan(self, queries: I64) -> Scan:
        mine = self.sketch[queries].astype(np.float32) / SCALE**2

        def add(first: int, sums: F32) -> None:
            sums += mine @ self.sketch[first : first + sums.shape[1]].astype(np.float32).T

        return add

    def exactly(self, listing: int, candidates: I64) -> F64:
        return self.photos.exactly(listing, candidates)


def photos_of(matrix: NDArray[Any], photo: I64) -> Photos:
    """The photos with the lengths of their rows. Raises DataError if a feature is not a finite number."""
    length = np.zeros(len(photo))
    has = np.flatnonzero(photo >= 0)
    for start in range(0, len(has), ROWS_AT_ONCE):
        piece = has[start : start + ROWS_AT_ONCE]
        length[piece] = np.sqrt((matrix[photo[piece]].astype(np.float64) ** 2).sum(axis=1))
    if not np.isfinite(length).all():
        raise DataError("a feature of a photo is not a finite number", hint="Extract the photos again.")
    return Photos(matrix, photo, length)


def sketches(photos: Photos) -> Iterator[NDArray[np.int16]]:
    """The sketches of the listings, in batches: unit rows projected on the directions of largest variance."""
    directions = _directions(photos)
    for start in range(0, len(photos.photo), ROWS_AT_ONCE):
        unit = photos.unit(np.arange(start, min(start + ROWS_AT_ONCE, len(photos.photo))))
        with threadpool_limits(1, user_api="blas"):  # one thread: the order of sums is the same on every machine
            yield np.rint(SCALE * (unit @ directions)).astype(np.int16)


def sketch_dimension(photos: Photos) -> int:
    return min(DIMENSION, int(photos.matrix.shape[1]))


def _directions(photos: Photos) -> F32:
    """The orthonormal columns (D, K) of the truncated SVD of the unit rows, without centering.

    No other K dimensions preserve the products better (Eckart & Young, 1936). They are fitted on SAMPLE_SIZE photos,
    evenly spaced over the table.
    """
    has = np.flatnonzero(photos.length > 0)
    sample = has[np.linspace(0, len(has) - 1, min(len(has), SAMPLE_SIZE)).astype(np.int64)]
    width = photos.matrix.shape[1]
    products = np.zeros((width, width))
    with threadpool_limits(1, user_api="blas"):
        for start in range(0, len(sample), ROWS_AT_ONCE):
            unit = photos.unit(sample[start : start + ROWS_AT_ONCE]).astype(np.float64)
            products += unit.T @ unit
        _, vectors = scipy.linalg.eigh(products, subset_by_index=(width - sketch_dimension(photos), width - 1))
    return np.asarray(vectors, np.float32)
