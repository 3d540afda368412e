"""Recall of lists of recommendations."""

from __future__ import annotations

from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import HitMetric


def recall(hits: Bools, held: I64) -> F64:
    """Share of the held-out favorites that are in the list, shape (U,)."""
    values: F64 = hits.sum(axis=1) / held
    return values


RECALL = Metric(
    name="recall",
    definition="share of the user's held-out favorites that are in the top k",
    better="higher",
    cutoff="required",
    shapes=(HitMetric(recall),),
)
