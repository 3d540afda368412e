"""MRR: mean reciprocal rank."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.ranking import RankedPages
from etsyml_cli.metrics.shapes import PageMetric


def reciprocal_rank(pages: RankedPages, k: int | None = None) -> F64:
    """1 / rank of the first relevant listing, 0 if none is among the first k; shape (Q,)."""
    hits = (pages.gains > 0) & pages.within(k)
    values = np.zeros(pages.n_pages)
    np.maximum.at(values, pages.page[hits], 1 / pages.rank[hits])
    return values


MRR = Metric(
    name="mrr",
    definition="1 / rank of the first relevant listing",
    source="as in trec_eval",
    better="higher",
    cutoff="optional",
    shapes=(PageMetric(reciprocal_rank),),
)
