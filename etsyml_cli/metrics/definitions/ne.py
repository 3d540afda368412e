"""NE: normalized entropy (He et al., 2014)."""

from __future__ import annotations

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.definitions.logloss import logloss
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import RowMetric, Weighted
from etsyml_cli.metrics.weighted import entropy, ratio, weighted_sum


def ne(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Normalized entropy: log loss over the entropy of these rows' own base rate (He et al., AdKDD'14, eq. 1)."""
    average = logloss(p, clicks, impressions)

    def value(weights: F64) -> float:
        return average(weights) / entropy(ratio(weighted_sum(weights, clicks), weighted_sum(weights, impressions)))

    return value


NE = Metric(
    name="ne",
    definition="normalized entropy: log loss divided by the entropy of the click rate of these rows; predicting this "
    "rate for every row gives 1",
    source="He et al., AdKDD'14",
    better="lower",
    cutoff="none",
    shapes=(RowMetric(ne, title="normalized entropy"),),
)
