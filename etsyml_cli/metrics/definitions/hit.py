"""Hit rate of lists of recommendations."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.metrics.definitions.recall import recall
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import HitMetric


def hit(hits: Bools, held: I64) -> F64:
    """1 if any held-out favorite is in the list, else 0; shape (U,)."""
    return (recall(hits, held) > 0).astype(np.float64)


HIT = Metric(
    name="hit",
    definition="1 if at least one of the user's held-out favorites is in the top k, else 0",
    better="higher",
    cutoff="required",
    shapes=(HitMetric(hit),),
)
