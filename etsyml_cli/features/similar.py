"""Which listings are most like a listing: cosines of words, of photos and of both, exact, in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_ONCE = 256
ROUNDING = 1e-5  # more than a matrix product in float32 can be off


class Vectors(Protocol):
    """I vectors of length 1, or 0 for a listing that has none."""

    def about(self, asked: Ints) -> Floats:
        """Cosines (B, I) of some listings, (B,), with all; fast, off by less than ROUNDING."""

    def exactly(self, listing: int, among: Ints) -> Doubles:
        """Cosines (n,) of one listing with some, (n,): each pair by itself, so what else is asked changes no bit."""


@dataclass(frozen=True)
class Words:
    """Sparse vectors (I, D)."""

    rows: sparse.csr_matrix

    def about(self, asked: Ints) -> Floats:
        return np.asarray((self.rows[asked] @ self.rows.T).toarray(), dtype=np.float32)

    def exactly(self, listing: int, among: Ints) -> Doubles:
        return np.asarray((self.rows[among] @ self.rows[[listing]].T).toarray().ravel(), dtype=np.float64)


@dataclass(frozen=True)
class Photos:
    """Dense vectors (I, D)."""

    unit: Floats

    def about(self, asked: Ints) -> Floats:
        return self.unit[asked] @ self.unit.T

    def exactly(self, listing: int, among: Ints) -> Doubles:
        products = self.unit[among].astype(np.float64) * self.unit[listing].astype(np.float64)
        return np.asarray(products.sum(axis=1))


def nearest(
    asked: Ints, parts: Sequence[Vectors], id_order: Ints, k: int, forbidden: Callable[[int], Ints]
) -> Iterator[tuple[int, Ints, Floats]]:
    """For each asked listing itself, the k most like it but for those in `forbidden`, best first, and their cosines.

    The cosine of `parts` side by side, all of one weight, is the mean of theirs; one that a listing lacks adds 0. A
    fast product finds who may be among the k, exact cosines rank them: the same bytes for any number of threads and
    whatever else is asked. Ties go by `id_order`, (I,), downwards, as in the metrics. Memory holds AT_ONCE times I
    cosines.
    """
    for start in range(0, len(asked), AT_ONCE):
        block = asked[start : start + AT_ONCE]
        rough = np.mean([part.about(block) for part in parts], axis=0)
        for listing, row in zip(block.tolist(), rough, strict=True):
            row[forbidden(listing)] = -np.inf
            among = _candidates(row, k)
            exact = np.mean([part.exactly(listing, among) for part in parts], axis=0).astype(np.float32)
            best = np.lexsort((-id_order[among], -exact))[:k]
            yield listing, among[best], exact[best]


def _candidates(row: Floats, k: int) -> Ints:
    """Every entry that may be one of the k highest, those of -inf left out."""
    k = min(k, int(np.isfinite(row).sum()))
    if k == 0:
        return np.empty(0, np.int64)
    return np.flatnonzero(row >= np.partition(row, len(row) - k)[len(row) - k] - 2 * ROUNDING)
