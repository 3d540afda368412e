"""Pair accuracy: the share of pairs of listings that the scores order correctly."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.ranking import RankedPages, ratio
from etsyml_cli.metrics.shapes import PageMetric


def pair_accuracy(pages: RankedPages) -> F64:
    """Share of the pairs of unequal gain that the scores order correctly, ties counting half; shape (Q,).

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
    return ratio(pages.sums(right), pages.sums(pairs), undefined=np.nan)


def _bounds(breaks: Bools) -> tuple[I64, I64]:
    """Start and end of the run of each of N rows; `breaks`, (N - 1,), is true after the last row of a run."""
    edges = np.concatenate([[0], np.flatnonzero(breaks) + 1, [len(breaks) + 1]])
    run = np.concatenate([[0], np.cumsum(breaks)])
    return edges[run], edges[run + 1]


PAIR_ACCURACY = Metric(
    name="pair_accuracy",
    definition="share of a page's pairs of unequal gain that the scores order correctly; ties count half; pages "
    "without such a pair are excluded; the slice `unseen`, if it is not empty, has only pairs of listings that are on "
    "no training or validation page",
    better="higher",
    cutoff="none",
    shapes=(PageMetric(pair_accuracy, of_runs=False, on_unseen=True),),
)
