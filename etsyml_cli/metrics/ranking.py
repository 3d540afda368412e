"""Metrics of ranked pages: nDCG, average precision, reciprocal rank, precision; equal to trec_eval's.

Scores are rounded to float32 and sorted downwards, ties by id downwards (bytes), as trec_eval does. One ranking is
one logged page: its ideal is the page's own. A page without a relevant listing has the value 0 here; whoever
averages leaves it out and says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.metrics.names import MetricName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RankedPages:
    """N listings of Q pages, page after page, best first: gains (N,), page (N,) from 0, rank (N,) from 1."""

    gains: Floats
    page: Ints
    rank: Ints
    n_pages: int

    def sums(self, values: Floats) -> Floats:
        """The sum of `values`, shape (N,), over each page, shape (Q,)."""
        return np.bincount(self.page, weights=values, minlength=self.n_pages).astype(np.float64)

    def within(self, k: int | None = None) -> NDArray[np.bool_]:
        """Which rows stand among the first k of their page; all where there is no cutoff."""
        return np.ones(len(self.rank), dtype=bool) if k is None else self.rank <= k

    def has_relevant(self) -> NDArray[np.bool_]:
        """Which pages hold a listing with a gain above 0, shape (Q,)."""
        return self.sums((self.gains > 0).astype(np.float64)) > 0


def byte_order(ids: Sequence[str]) -> Ints:
    """The place of each id among all of them sorted by bytes, shape (N,). Code points sort as UTF-8's bytes do."""
    places = np.empty(len(ids), dtype=np.int64)
    places[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return places


def best_first(scores: NDArray[np.floating], id_order: Ints, page: Ints | None = None) -> Ints:
    """The rows sorted by page, then score (float32) downwards, then id downwards; shape (N,)."""
    keys = (-id_order, -scores.astype(np.float32))
    return np.lexsort(keys if page is None else (*keys, page))


def rank_pages(scores: Floats, gains: Floats, offsets: Ints, id_order: Ints) -> RankedPages:
    """Rank each page by its scores.

    `scores`, `gains` (at least 0) and `id_order` (see `byte_order`) have shape (N,); page q is rows
    `offsets[q]:offsets[q + 1]`.
    """
    sizes = np.diff(offsets)
    page = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.arange(len(scores)) - np.repeat(offsets[:-1], sizes) + 1
    return RankedPages(gains[best_first(scores, id_order, page)], page, rank, len(sizes))


def ndcg(pages: RankedPages, k: int | None = None, *, exponential: bool = False) -> Floats:
    """DCG@k = Σ gain / log2(rank + 1), over its value in the best order (Järvelin & Kekäläinen 2002); shape (Q,).

    The gain is the grade itself, as in trec_eval, or 2^grade − 1 (Burges et al. 2005) where `exponential`.
    """
    gains = np.exp2(pages.gains) - 1 if exponential else pages.gains
    discounts = pages.within(k) / np.log2(pages.rank + 1.0)
    ideal = gains[np.lexsort((-gains, pages.page))]
    return _ratio(pages.sums(gains * discounts), pages.sums(ideal * discounts))


def average_precision(pages: RankedPages, k: int | None = None) -> Floats:
    """Σ over relevant listings of the precision at their rank, over the number of relevant ones; shape (Q,)."""
    relevant = (pages.gains > 0).astype(np.float64)
    so_far = np.cumsum(relevant)
    before_page = np.concatenate([[0.0], np.cumsum(pages.sums(relevant))])[pages.page]
    precision_at_rank = (so_far - before_page) / pages.rank
    return _ratio(pages.sums(relevant * precision_at_rank * pages.within(k)), pages.sums(relevant))


def reciprocal_rank(pages: RankedPages, k: int | None = None) -> Floats:
    """1 / rank of the first relevant listing, 0 where none stands among the first k; shape (Q,)."""
    found = (pages.gains > 0) & pages.within(k)
    values = np.zeros(pages.n_pages)
    np.maximum.at(values, pages.page[found], 1 / pages.rank[found])
    return values


def precision(pages: RankedPages, k: int) -> Floats:
    """Relevant listings among the first k, over k, also where a page is shorter; shape (Q,)."""
    return pages.sums(((pages.gains > 0) & pages.within(k)).astype(np.float64)) / k


PER_PAGE: dict[str, Callable[[RankedPages, MetricName], Floats]] = {
    "ndcg": lambda pages, name: ndcg(pages, name.cutoff, exponential=name.parameters.get("gains") == "exp"),
    "map": lambda pages, name: average_precision(pages, name.cutoff),
    "mrr": lambda pages, name: reciprocal_rank(pages, name.cutoff),
    "p": lambda pages, name: precision(pages, name.cutoff or 1),
}


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
