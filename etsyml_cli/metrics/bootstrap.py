"""Bootstrap intervals over queries or users (Efron & Tibshirani, 1993, percentile method), paired between variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.rng import generator
from etsyml_cli.metrics.measurement import Difference, Measurement

RESAMPLES = 1000
CONFIDENCE = 0.95

Floats = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], float]  # of the units that were drawn, with repetition


def percentile_interval(resampled: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def resampled(statistic: Statistic, n: int, seed: int) -> Floats:
    """`statistic` of bootstrap draws from n units, shape (RESAMPLES,); equal n and seed draw the same units."""
    rng = generator(seed, "bootstrap")
    return np.array([statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)])


def compared(name: str, values: Mapping[str, float], draws: Mapping[str, Floats], n: int) -> list[Measurement]:
    """A metric of every variant; all but the first, the baseline, are compared with it on the same draws.

    `values` and `draws`, shape (RESAMPLES,) each, hold one entry a variant, `draws` from `resampled` with one seed.
    """
    baseline = next(iter(values))
    measured = []
    for variant, value in values.items():
        low, high = percentile_interval(draws[variant])
        against = None
        if variant != baseline:
            least, most = percentile_interval(draws[variant] - draws[baseline])
            against = Difference(baseline=baseline, value=value - values[baseline], low=least, high=most)
        measured.append(Measurement(name=name, variant=variant, value=value, low=low, high=high, n=n, against=against))
    return measured


def compared_means(name: str, values: Mapping[str, Floats], seed: int) -> list[Measurement]:
    """`compared` for a metric that is the mean over N units: `values` holds (N,) for each variant."""
    n = len(next(iter(values.values())))
    means = {variant: float(of_unit.mean()) for variant, of_unit in values.items()}
    draws = {variant: resampled(_mean_of(of_unit), n, seed) for variant, of_unit in values.items()}
    return compared(name, means, draws, n)


def _mean_of(values: Floats) -> Statistic:
    return lambda drawn: float(values[drawn].mean())
