"""Nearest listings by the cosines of words, photos or both, in two steps.

A fast scan over the catalog collects candidates, and exact cosines rank them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from etsyml_cli.core.types import F32, F64, I64, Bools

Scan = Callable[[int, F32], None]
Allowed = Callable[[int, I64], Bools]

QUERIES_AT_ONCE = 512
LISTINGS_AT_ONCE = 8192
ROUNDING = 1e-5  # larger than the rounding error of a matrix product in float32


class Vectors(Protocol):
    """Vectors of I listings, each of length 1, or of length 0 for a listing without features."""

    def scan(self, queries: I64) -> Scan:
        """A function (first, sums) that adds the cosines of B query listings with P listings from `first` to (B, P)."""

    def exactly(self, listing: int, candidates: I64) -> F64:
        """The cosines (n,) of a listing with n candidates; independent of other queries."""


def nearest(
    queries: I64, parts: Sequence[Vectors], id_order: I64, k: int, allowed: Allowed, reach: int = 0
) -> Iterator[tuple[int, I64, F32]]:
    """For each query listing: the listing, its k nearest allowed listings, best first, and their cosines.

    The cosine of a pair is the mean over `parts`; a part without features adds 0. The `reach` best candidates of the
    scan, at least k, and those that tie with the last of them are ranked by exact cosines; ties go by descending
    `id_order`, (I,), as in the metrics. The lists are exact if the error of the scan is less than ROUNDING, and
    independent of threads and of other queries if the scan is. Memory holds QUERIES_AT_ONCE x LISTINGS_AT_ONCE cosines.
    """
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        block = queries[start : start + QUERIES_AT_ONCE]
        candidates_of = _candidates(block, parts, len(id_order), max(k, reach), allowed)
        for listing, candidates in zip(block.tolist(), candidates_of, strict=True):
            exact = np.mean([part.exactly(listing, candidates) for part in parts], axis=0).astype(np.float32)
            best = np.lexsort((-id_order[candidates], -exact))[:k]
            yield listing, candidates[best], exact[best]


@dataclass
class _CandidateHeap:
    """The candidates for the `reach` best of the listings scanned so far, and their sums of cosines."""

    reach: int
    slack: float
    rows: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    sums: F32 = field(default_factory=lambda: np.empty(0, np.float32))
    floor: float = -np.inf

    def add(self, rows: I64, sums: F32) -> None:
        self.rows, self.sums = np.concatenate([self.rows, rows]), np.concatenate([self.sums, sums])
        if len(self.rows) > 2 * self.reach:
            self.cut()

    def cut(self) -> None:
        if len(self.rows) > self.reach:
            self.floor = float(np.partition(self.sums, -self.reach)[-self.reach]) - self.slack
            kept = self.sums >= self.floor
            self.rows, self.sums = self.rows[kept], self.sums[kept]


def _candidates(block: I64, parts: Sequence[Vectors], n_listings: int, reach: int, allowed: Allowed) -> Iterator[I64]:
    """The candidates of each listing of the block."""
    scans = [part.scan(block) for part in parts]
    heaps = [_CandidateHeap(reach, 2 * ROUNDING * len(parts)) for _ in block]
    for first in range(0, n_listings, LISTINGS_AT_ONCE):
        sums = np.zeros((len(block), min(LISTINGS_AT_ONCE, n_listings - first)), np.float32)
        for scan in scans:
            scan(first, sums)
        for listing, heap, row in zip(block.tolist(), heaps, sums, strict=True):
            near = np.flatnonzero(row >= heap.floor)
            near = near[allowed(listing, near + first)]
            if len(near):
                heap.add(near + first, row[near])
    for heap in heaps:
        heap.cut()
        yield heap.rows
