"""Metrics of ranked pages: nDCG, average precision, reciprocal rank, precision, pair accuracy.

Scores are rounded to float32 and sorted downwards, ties by id downwards (bytes), as trec_eval does, and all but pair
accuracy equal its figures. One ranking is one logged page: its ideal is the page's own. A page without a relevant
listing has the value 0 here, or NaN of pair accuracy; whoever averages leaves it out and says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64, I64
from etsyml_cli.metrics.names import MetricName

LARGEST_EXPONENT = 1000  # of 2^grade: sums of what lies far above are infinite


@dataclass(frozen=True)
class RankedPages:
    """N listings of Q pages, page after page, best first: gains (N,), page (N,) from 0, rank (N,) from 1.

    A score of −inf, `scores` (N,), says that the ranking lacks the listing: it counts in the ideal alone.
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
        """Which rows stand among the first k of their page; all that were ranked where there is no cutoff."""
        return self.places(k) & (self.scores > -np.inf)

    def places(self, k: int | None = None) -> NDArray[np.bool_]:
        """Which places are among the first k of their page, also those of listings that the ranking lacks."""
        return np.ones(len(self.rank), dtype=bool) if k is None else self.rank <= k

    def has_relevant(self) -> NDArray[np.bool_]:
        """Which pages hold a listing with a gain above 0, shape (Q,)."""
        return self.sums((self.gains > 0).astype(np.float64)) > 0


def byte_order(ids: Sequence[str]) -> I64:
    """The place of each id among all of them sorted by bytes, shape (N,). Code points sort as UTF-8's bytes do."""
    places = np.empty(len(ids), dtype=np.int64)
    places[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return places


def best_first(scores: NDArray[np.floating], id_order: I64, page: I64 | None = None) -> I64:
    """The rows sorted by page, then score (float32) downwards, then id downwards; shape (N,)."""
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


def ndcg(pages: RankedPages, k: int | None = None, *, exponential: bool = False) -> F64:
    """DCG@k = Σ gain / log2(rank + 1), over its value in the best order (Järvelin & Kekäläinen 2002); shape (Q,).

    The gain is the grade itself, as in trec_eval, or 2^grade − 1 (Burges et al. 2005) where `exponential`.
    """
    gains = _exponential(pages.gains) if exponential else pages.gains
    discounts = 1 / np.log2(pages.rank + 1.0)
    ideal = gains[np.lexsort((-gains, pages.page))]
    return _ratio(
        pages.sums(gains * discounts * pages.within(k)),
        pages.sums(ideal * discounts * pages.places(k)),
    )


def average_precision(pages: RankedPages, k: int | None = None) -> F64:
    """Σ over relevant listings of the precision at their rank, over the number of relevant ones; shape (Q,)."""
    relevant = (pages.gains > 0).astype(np.float64)
    so_far = np.cumsum(relevant)
    before_page = np.concatenate([[0.0], np.cumsum(pages.sums(relevant))])[pages.page]
    precision_at_rank = (so_far - before_page) / pages.rank
    return _ratio(pages.sums(relevant * precision_at_rank * pages.within(k)), pages.sums(relevant))


def reciprocal_rank(pages: RankedPages, k: int | None = None) -> F64:
    """1 / rank of the first relevant listing, 0 where none stands among the first k; shape (Q,)."""
    found = (pages.gains > 0) & pages.within(k)
    values = np.zeros(pages.n_pages)
    np.maximum.at(values, pages.page[found], 1 / pages.rank[found])
    return values


def precision(pages: RankedPages, k: int) -> F64:
    """Relevant listings among the first k, over k, also where a page is shorter; shape (Q,)."""
    return pages.sums(((pages.gains > 0) & pages.within(k)).astype(np.float64)) / k


def pair_accuracy(pages: RankedPages) -> F64:
    """Share of the pairs of unequal gain that the scores order right, equal scores counting half; shape (Q,).

    NaN for a page without such a pair. Time grows with N times the number of distinct gains.
    """
    starts, ends = _bounds(pages.page[1:] != pages.page[:-1])
    tie_starts, tie_ends = _bounds((pages.page[1:] != pages.page[:-1]) | (pages.scores[1:] != pages.scores[:-1]))
    right, pairs = np.zeros(len(pages.gains)), np.zeros(len(pages.gains))
    for gain in np.unique(pages.gains)[1:]:
        here = pages.gains == gain
        less = np.concatenate([[0], np.cumsum(pages.gains < gain)])  # rows of a smaller gain before each row
        below, tied = less[ends] - less[tie_ends], less[tie_ends] - less[tie_starts]
        right += here * (below + tied / 2)
        pairs += here * (less[ends] - less[starts])
    return _ratio(pages.sums(right), pages.sums(pairs), undefined=np.nan)


def _bounds(breaks: NDArray[np.bool_]) -> tuple[I64, I64]:
    """For each of N rows where its run begins and ends; `breaks`, (N - 1,), says after which rows one ends."""
    edges = np.concatenate([[0], np.flatnonzero(breaks) + 1, [len(breaks) + 1]])
    run = np.concatenate([[0], np.cumsum(breaks)])
    return edges[run], edges[run + 1]


PER_PAGE: dict[str, Callable[[RankedPages, MetricName], F64]] = {
    "ndcg": lambda pages, name: ndcg(pages, name.cutoff, exponential=name.parameters.get("gains") == "exp"),
    "map": lambda pages, name: average_precision(pages, name.cutoff),
    "mrr": lambda pages, name: reciprocal_rank(pages, name.cutoff),
    "p": lambda pages, name: precision(pages, name.cutoff or 1),
    "pair_accuracy": lambda pages, _name: pair_accuracy(pages),
}


def _exponential(gains: F64) -> F64:
    """2^grade − 1. Raises DataError for a grade that is no exponent of use."""
    if gains.max(initial=0) > LARGEST_EXPONENT:
        raise DataError(
            f"2^grade is too large for the grade {gains.max():g}", hint="Use linear gains: ndcg@10, for example."
        )
    return np.exp2(gains) - 1


def _ratio(part: F64, whole: F64, undefined: float = 0.0) -> F64:
    return np.divide(part, whole, out=np.full_like(part, undefined), where=whole > 0)
