"""MAP: mean average precision, on result pages and on lists of recommendations."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.ranking import RankedPages, ratio
from etsyml_cli.metrics.shapes import HitMetric, PageMetric

DEPTH = 1000  # number of recommendations to evaluate if there is no cutoff


def average_precision(pages: RankedPages, k: int | None = None) -> F64:
    """Σ of the precision at the rank of each relevant listing, divided by the number of relevant listings; (Q,)."""
    relevant = (pages.gains > 0).astype(np.float64)
    so_far = np.cumsum(relevant)
    before_page = np.concatenate([[0.0], np.cumsum(pages.sums(relevant))])[pages.page]
    precision_at_rank = (so_far - before_page) / pages.rank
    return ratio(pages.sums(relevant * precision_at_rank * pages.within(k)), pages.sums(relevant))


def average_precision_of_hits(hits: Bools, held: I64) -> F64:
    """Mean over the held-out favorites of the precision at their rank, 0 if one is not in the list; shape (U,)."""
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    values: F64 = (precision * hits).sum(axis=1) / held
    return values


MAP = Metric(
    name="map",
    definition="mean of the precision at the rank of each relevant listing or held-out favorite",
    source="as in trec_eval",
    better="higher",
    cutoff="optional",
    shapes=(PageMetric(average_precision), HitMetric(average_precision_of_hits, depth=DEPTH)),
)
