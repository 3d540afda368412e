"""Calibration: predicted clicks over observed clicks."""

from __future__ import annotations

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import RowMetric, Weighted
from etsyml_cli.metrics.weighted import ratio, weighted_sum


def calibration(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Predicted clicks over observed clicks; 1 is right."""
    predicted = p * impressions
    return lambda weights: ratio(weighted_sum(weights, predicted), weighted_sum(weights, clicks))


CALIBRATION = Metric(
    name="calibration",
    definition="predicted clicks divided by observed clicks",
    better="one",
    cutoff="none",
    shapes=(RowMetric(calibration, title="calibration: predicted over observed", difference="none"),),
)
