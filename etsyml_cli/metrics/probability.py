"""Metrics of predicted click probabilities with Poisson bootstrap intervals.

N rows; row i has `impressions[i]` impressions, `clicks[i]` clicks and one predicted probability `p[i]`. A metric of
these rows is a function of the weight of each row, NaN if it is undefined for these weights: so the rows are sorted
once, not in every resample, and variants are compared on the same resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.bootstrap import percentile_interval
from etsyml_cli.metrics.measurement import Difference, Measurement, Observed, without_intervals_of_few
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.shapes import RowMetric, Weighted
from etsyml_cli.metrics.weighted import entropy

POISSON_RESAMPLES = 500  # half of bootstrap.RESAMPLES: each is a pass over every row of a log, not over its queries
TRAINING_METRICS = tuple(map(MetricName, ("auc", "logloss", "ne", "calibration")))  # metrics that `train ctr` reports

# Poisson(1) by the inverse of its distribution, for each of _DRAWS equally likely draws
_DRAWS = 1 << 16
_POISSON = np.searchsorted(np.cumsum(np.exp(-1) / np.cumprod([1, *range(1, 20)])), (np.arange(_DRAWS) + 0.5) / _DRAWS)


def figures(
    p: F64, clicks: F64, impressions: F64, metrics: Sequence[MetricName] = TRAINING_METRICS
) -> dict[str, float]:
    """The value of each metric by its name. Raises DataError as `check` does."""
    check(p, clicks, impressions)
    return {str(metric): _weighted(metric, p, clicks, impressions)(np.ones(len(p))) for metric in metrics}


def measure(
    metrics: Sequence[MetricName], p: Mapping[str, F64], clicks: F64, impressions: F64, *, slice_: str, seed: int
) -> list[Measurement]:
    """Compute each metric of each variant in `p`; the first variant is the baseline of the paired differences.

    Intervals are those of a Poisson bootstrap over rows (Chamandy et al., 2012): each row has the weight Poisson(1).
    Raises DataError as `check` does.
    """
    variants = list(p)
    for variant in variants:
        check(p[variant], clicks, impressions)
    prepared = [[_weighted(metric, p[variant], clicks, impressions) for variant in variants] for metric in metrics]
    resampled = np.empty((POISSON_RESAMPLES, len(metrics), len(variants)))
    rng = generator(seed, "bootstrap")
    for i in range(POISSON_RESAMPLES):
        weights = _POISSON[rng.integers(0, _DRAWS, len(clicks), dtype=np.uint16)].astype(np.float64)
        resampled[i] = [[weighted(weights) for weighted in row] for row in prepared]
    ones = np.ones(len(clicks))
    measured = [
        _measurement(
            str(metric), slice_, variants, k, [weighted(ones) for weighted in row], resampled[:, m], len(clicks)
        )
        for m, (metric, row) in enumerate(zip(metrics, prepared, strict=True))
        for k in range(len(variants))
    ]
    observed = _observed(clicks, impressions)
    for measurement in measured:
        measurement.observed = observed
    return without_intervals_of_few(measured, observed.events, "events")


def check(p: F64, clicks: F64, impressions: F64) -> None:
    """Raises DataError if there are no rows, if a `p` is not a probability, or if all rows have one class."""
    if len(p) == 0:
        raise DataError("no rows to evaluate")
    if not np.all((p >= 0) & (p <= 1)):  # NaN fails this too
        raise DataError("a predicted probability is NaN or outside 0 … 1")
    total = clicks.sum()
    if total <= 0 or total >= impressions.sum():
        what = "no click" if total <= 0 else "clicks only"
        raise DataError(
            f"the {len(p):,} rows to evaluate contain {what}",
            hint="Evaluate days that have both clicks and non-clicks.",
        )


def _observed(clicks: F64, impressions: F64) -> Observed:
    clicked, shown = float(clicks.sum()), float(impressions.sum())
    return Observed(impressions=shown, events=clicked, entropy=entropy(clicked / shown))


def _weighted(metric: MetricName, p: F64, clicks: F64, impressions: F64) -> Weighted:
    return metric.shape(RowMetric).weighted(p, clicks, impressions, metric)


def _interval(draws: F64) -> tuple[float, float]:
    """The interval of the resamples that have a value: a resample without a click has no AUC."""
    return percentile_interval(draws[np.isfinite(draws)]) if np.isfinite(draws).any() else (np.nan, np.nan)


def _measurement(
    name: str, slice_: str, variants: list[str], k: int, values: list[float], draws: F64, n: int
) -> Measurement:
    """The value of the k-th variant; `draws`, shape (POISSON_RESAMPLES, V), are those of all variants."""
    low, high = _interval(draws[:, k])
    against = None
    if k > 0:
        low_difference, high_difference = _interval(draws[:, k] - draws[:, 0])
        against = Difference(
            baseline=variants[0], value=values[k] - values[0], low=low_difference, high=high_difference
        )
    return Measurement(
        name=name, variant=variants[k], slice=slice_, value=values[k], low=low, high=high, n=n, against=against
    )
