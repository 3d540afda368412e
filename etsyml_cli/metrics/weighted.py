"""Sums over weighted rows, from which `definitions/` computes the metrics of click probabilities."""

from __future__ import annotations

import math

import numpy as np

from etsyml_cli.core.types import F64

LEAST_P = np.finfo(np.float64).eps  # smaller probabilities are raised to this before the logarithm, as in scikit-learn


def entropy(rate: float) -> float:
    """Entropy of an event with this probability, in nats; NaN if the event is certain or impossible."""
    return -rate * math.log(rate) - (1 - rate) * math.log1p(-rate) if 0 < rate < 1 else math.nan


def log_losses(p: F64, clicks: F64, impressions: F64) -> F64:
    """Log loss of each row, summed over its impressions, shape (N,)."""
    ln_p, ln_not_p = np.log(np.maximum(p, LEAST_P)), np.log(np.maximum(1 - p, LEAST_P))
    return -clicks * ln_p - (impressions - clicks) * ln_not_p


def weighted_sum(weights: F64, values: F64) -> float:
    """Σ weights·values, added in NumPy's fixed order: a BLAS product would depend on the number of threads."""
    return float(np.sum(weights * values))


def ratio(part: float, whole: float) -> float:
    """part / whole, NaN if whole is 0."""
    return part / whole if whole else math.nan
