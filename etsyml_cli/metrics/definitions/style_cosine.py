"""Cosine similarity of the true styles of sample data to the learned styles."""

from __future__ import annotations

from etsyml_cli.core.types import F64
from etsyml_cli.core.vectors import unit_rows_in_double
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import StyleMetric


def best_match_cosine(true: F64, learned: F64) -> F64:
    """For each true style, (K, I), the cosine similarity to the most similar learned style, (L, I); shape (K,)."""
    cosines = unit_rows_in_double(true) @ unit_rows_in_double(learned).T
    best: F64 = cosines.max(axis=1)
    return best


STYLE_COSINE = Metric(
    name="style_cosine",
    definition="mean over the true styles of the cosine similarity to the nearest learned style; needs `--truth`",
    better="higher",
    cutoff="none",
    shapes=(StyleMetric(best_match_cosine),),
)
