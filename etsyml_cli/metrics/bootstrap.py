"""Bootstrap intervals over queries or users (Efron & Tibshirani, 1993, percentile method), paired between variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.measurement import Difference, Measurement, without_intervals_of_few
from etsyml_cli.metrics.randomization import ROUNDING, p_values

RESAMPLES = 1000
CONFIDENCE = 0.95

Statistic = Callable[[NDArray[np.int64]], float]  # of the units that were drawn, with replacement


def percentile_interval(resampled: F64) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def resampled(statistic: Statistic, n: int, seed: int) -> F64:
    """`statistic` of bootstrap draws from n units, shape (RESAMPLES,); equal n and seed draw the same units."""
    rng = generator(seed, "bootstrap")
    return np.array([statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)])


def compared(
    name: str,
    values: Mapping[str, float],
    draws: Mapping[str, F64],
    n: int,
    baseline: str | None = None,
    slice_: str = "all",
) -> list[Measurement]:
    """A metric of every variant, each compared with `baseline` (by default the first) on the same draws.

    `values` and `draws`, shape (RESAMPLES,) each, have one entry per variant, `draws` from `resampled` with one seed.
    """
    baseline = baseline or next(iter(values))
    measured = []
    for variant, value in values.items():
        low, high = percentile_interval(draws[variant])
        against = None
        if variant != baseline:
            least, most = percentile_interval(draws[variant] - draws[baseline])
            against = Difference(baseline=baseline, value=value - values[baseline], low=least, high=most)
        measured.append(
            Measurement(name=name, variant=variant, slice=slice_, value=value, low=low, high=high, n=n, against=against)
        )
    return without_intervals_of_few(measured, n, "units")


def compared_means(
    name: str, values: Mapping[str, F64], seed: int, baseline: str | None = None, slice_: str = "all"
) -> list[Measurement]:
    """`compared` for a metric that is the mean over N units, with a randomization test of each difference.

    `values` has (N,) for each variant. A unit for which the metric is undefined, NaN, is excluded. Raises DataError if
    it is undefined for all.
    """
    units = np.array(list(values.values()))
    units = units[:, ~np.isnan(units).any(axis=0)]
    n = units.shape[1]
    if n == 0:
        raise DataError(f"{name} is undefined for all of {len(next(iter(values.values()))):,} units")
    means = dict(zip(values, units.mean(axis=1).tolist(), strict=True))
    draws = dict(zip(values, _resampled_means(units, seed), strict=True))
    measured = compared(name, means, draws, n, baseline, slice_)
    _test(measured, dict(zip(values, units, strict=True)), seed)
    return measured


def _resampled_means(units: F64, seed: int) -> F64:
    """`resampled` of the mean of each row of `units`, (V, N), shape (V, RESAMPLES)."""
    rng = generator(seed, "bootstrap")
    n = units.shape[1]
    return np.array([units.take(rng.integers(0, n, n), axis=1).mean(axis=1) for _ in range(RESAMPLES)]).T


def _test(measured: list[Measurement], units: Mapping[str, F64], seed: int) -> None:
    """Add to each difference its p-value and the number of units, (N,) per variant, that gained and lost."""
    tested = [(m.variant, m.against) for m in measured if m.against]
    if not tested:
        return
    differences = np.array([units[variant] - units[against.baseline] for variant, against in tested])
    ps = p_values(differences, seed).tolist()
    for p, of_unit, (_, against) in zip(ps, differences, tested, strict=True):
        against.p_value = p
        against.gained = int((of_unit > ROUNDING).sum())
        against.lost = int((of_unit < -ROUNDING).sum())
