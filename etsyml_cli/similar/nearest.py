"""Which listings are most like a listing: cosines of words, of photos and of both, found in two steps.

A fast scan over pieces of the catalog finds who may be among the best, exact cosines rank these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from etsyml_cli.core.types import F32, F64, I64, Bools

Scan = Callable[[int, F32], None]
Allowed = Callable[[int, I64], Bools]

ASKED_AT_ONCE = 512
LISTINGS_AT_ONCE = 8192
ROUNDING = 1e-5  # more than a matrix product in float32 can be off


class Vectors(Protocol):
    """Of each of I listings a vector of length 1, or 0 for one that has none."""

    def scan(self, asked: I64) -> Scan:
        """A function that adds, fast, the cosines of B asked listings with P listings from a first one on to (B, P)."""

    def exactly(self, listing: int, among: I64) -> F64:
        """Cosines (n,) of one listing with some, (n,): each pair by itself, so what else is asked changes no bit."""


def nearest(
    asked: I64, parts: Sequence[Vectors], id_order: I64, k: int, allowed: Allowed, reach: int = 0
) -> Iterator[tuple[int, I64, F32]]:
    """For each asked listing itself, the k most like it of those that are `allowed`, best first, and their cosines.

    The cosine of `parts` side by side, all of one weight, is the mean of theirs; one that a listing lacks adds 0. The
    `reach` best of the scan, at least k, and all that tie with the last of them are ranked by exact cosines, ties by
    `id_order`, (I,), downwards, as in the metrics. Where a scan is off by less than ROUNDING the lists are exact, and
    where its figures do not depend on threads or on what else is asked, neither do the lists.
    Memory holds ASKED_AT_ONCE times LISTINGS_AT_ONCE cosines.
    """
    for start in range(0, len(asked), ASKED_AT_ONCE):
        block = asked[start : start + ASKED_AT_ONCE]
        for listing, among in zip(
            block.tolist(), _candidates(block, parts, len(id_order), max(k, reach), allowed), strict=True
        ):
            exact = np.mean([part.exactly(listing, among) for part in parts], axis=0).astype(np.float32)
            best = np.lexsort((-id_order[among], -exact))[:k]
            yield listing, among[best], exact[best]


@dataclass
class _CandidateHeap:
    """Who may be among the `reach` best of what was scanned so far, and their sums of cosines."""

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
    """For each listing of the block everyone who may be one of its `reach` best."""
    scans = [part.scan(block) for part in parts]
    founds = [_CandidateHeap(reach, 2 * ROUNDING * len(parts)) for _ in block]
    for first in range(0, n_listings, LISTINGS_AT_ONCE):
        sums = np.zeros((len(block), min(LISTINGS_AT_ONCE, n_listings - first)), np.float32)
        for scan in scans:
            scan(first, sums)
        for listing, found, row in zip(block.tolist(), founds, sums, strict=True):
            near = np.flatnonzero(row >= found.floor)
            near = near[allowed(listing, near + first)]
            if len(near):
                found.add(near + first, row[near])
    for found in founds:
        found.cut()
        yield found.rows
