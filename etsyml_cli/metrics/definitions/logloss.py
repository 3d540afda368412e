"""Log loss: the mean negative log-likelihood of the observed labels."""

from __future__ import annotations

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import RowMetric, Weighted
from etsyml_cli.metrics.weighted import log_losses, ratio, weighted_sum


def logloss(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Mean of −y·ln p − (1 − y)·ln(1 − p) over the impressions, in nats."""
    losses = log_losses(p, clicks, impressions)
    return lambda weights: ratio(weighted_sum(weights, losses), weighted_sum(weights, impressions))


LOGLOSS = Metric(
    name="logloss",
    definition="mean −log probability of the observed label",
    better="lower",
    cutoff="none",
    shapes=(RowMetric(logloss, title="log loss"),),
)
