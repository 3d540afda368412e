"""Ranked pages, the input of the ranking metrics in `definitions/`.

Scores are rounded to float32 and sorted in descending order; ties are broken by id in descending byte order, as in
trec_eval. One ranking is one logged page, and its ideal ranking has the same listings. The metrics of a page without a
relevant listing are 0, or NaN for pair accuracy; `evaluate` excludes such pages and counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import F64, I64


@dataclass(frozen=True)
class RankedPages:
    """N listings of Q pages, page after page, best first: gains (N,), page (N,) from 0, rank (N,) from 1.

    A score of −inf, `scores` (N,), means that the ranking lacks the listing: it counts in the ideal ranking only.
    """

    scores: NDArray[np.float32]
    gains: F64
    page: I64
    rank: I64
    n_pages: int

    def sums(self, values: F64) -> F64:
        """The sum of `values`, shape (N,), over each page, shape (Q,)."""
        return np.bincount(self.page, weights=values, minlength=self.n_pages).astype(np.float64)

    def within(self, k: int | None = None) -> NDArray[np.bool_]:
        """Which rows are among the first k of their page; all ranked rows if there is no cutoff."""
        return self.places(k) & (self.scores > -np.inf)

    def places(self, k: int | None = None) -> NDArray[np.bool_]:
        """Which places are among the first k of their page, including listings that the ranking lacks."""
        return np.ones(len(self.rank), dtype=bool) if k is None else self.rank <= k

    def has_relevant(self) -> NDArray[np.bool_]:
        """Which pages have a listing with a gain above 0, shape (Q,)."""
        return self.sums((self.gains > 0).astype(np.float64)) > 0


def byte_order(ids: Sequence[str]) -> I64:
    """The index of each id among all of them sorted by bytes, shape (N,), which is the order of code points."""
    places = np.empty(len(ids), dtype=np.int64)
    places[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return places


def best_first(scores: NDArray[np.floating], id_order: I64, page: I64 | None = None) -> I64:
    """The rows sorted by page, then by descending score (float32), then by descending id; shape (N,)."""
    keys = (-id_order, -scores.astype(np.float32))
    return np.lexsort(keys if page is None else (*keys, page))


def rank_pages(scores: F64, gains: F64, offsets: I64, id_order: I64) -> RankedPages:
    """Rank each page by its scores, −inf for a listing that the ranking lacks.

    `scores`, `gains` (at least 0) and `id_order` (see `byte_order`) have shape (N,); page q is rows
    `offsets[q]:offsets[q + 1]`.
    """
    sizes = np.diff(offsets)
    page = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.arange(len(scores)) - np.repeat(offsets[:-1], sizes) + 1
    order = best_first(scores, id_order, page)
    return RankedPages(scores[order].astype(np.float32), gains[order], page, rank, len(sizes))


def ratio(part: F64, whole: F64, undefined: float = 0.0) -> F64:
    """part / whole, `undefined` if whole is 0; all of one shape."""
    return np.divide(part, whole, out=np.full_like(part, undefined), where=whole > 0)
