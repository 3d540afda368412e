"""P@k: precision."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.ranking import RankedPages
from etsyml_cli.metrics.shapes import PageMetric


def precision(pages: RankedPages, k: int) -> F64:
    """Number of relevant listings among the first k, divided by k, even if a page is shorter; shape (Q,)."""
    return pages.sums(((pages.gains > 0) & pages.within(k)).astype(np.float64)) / k


P = Metric(
    name="p",
    definition="share of relevant listings in the top k",
    source="as in trec_eval",
    better="higher",
    cutoff="required",
    shapes=(PageMetric(precision),),
)
