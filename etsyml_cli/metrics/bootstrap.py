"""Bootstrap intervals of a mean over queries or users (Efron & Tibshirani, 1993, percentile method)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.rng import generator

RESAMPLES = 1000
CONFIDENCE = 0.95


def percentile_interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def mean_interval(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """The 95% interval of the mean of `values`, shape (N,). Of paired differences it is the paired interval."""
    if len(values) == 0:
        return float("nan"), float("nan")
    rng = generator(seed, "bootstrap")
    means = np.empty(RESAMPLES)
    for i in range(RESAMPLES):  # one row of draws at a time: memory stays N, not N x RESAMPLES
        means[i] = values[rng.integers(0, len(values), len(values))].mean()
    return percentile_interval(means)
