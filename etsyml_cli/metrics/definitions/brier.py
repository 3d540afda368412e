"""Brier score: the mean squared error of predicted probabilities (Brier, 1950)."""

from __future__ import annotations

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import RowMetric, Weighted
from etsyml_cli.metrics.weighted import ratio, weighted_sum


def brier(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Mean of (p − y)² over the impressions."""
    errors = clicks * (1 - p) ** 2 + (impressions - clicks) * p**2
    return lambda weights: ratio(weighted_sum(weights, errors), weighted_sum(weights, impressions))


BRIER = Metric(
    name="brier",
    definition="mean squared difference between the predicted probability and the observed label, 0 or 1",
    source="Brier, 1950",
    better="lower",
    cutoff="none",
    shapes=(RowMetric(brier, title="Brier score"),),
)
