"""How good predicted click probabilities are: AUC, log loss, normalized entropy, calibration, with intervals.

N rows; row i was shown `impressions[i]` times and clicked `clicks[i]` times, at one predicted `p[i]`. A metric of
these rows is a function of how often each of them counts, NaN where that leaves it undefined: so they are sorted once,
not in every resample, and variants are compared on the very same resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numba import njit

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.bootstrap import percentile_interval
from etsyml_cli.metrics.measurement import Difference, Measurement, Observed, without_intervals_of_few

Weighted = Callable[[F64], float]

POISSON_RESAMPLES = 500  # half of bootstrap.RESAMPLES: each is a pass over every row of a log, not over its queries
LEAST_P = np.finfo(np.float64).eps  # the logarithm of less counts as that of this, as in scikit-learn

# Poisson(1) by the inverse of its distribution, for each of _DRAWS equally likely draws
_DRAWS = 1 << 16
_POISSON = np.searchsorted(np.cumsum(np.exp(-1) / np.cumprod([1, *range(1, 20)])), (np.arange(_DRAWS) + 0.5) / _DRAWS)


def auc(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Probability that a click was scored above a non-click, ties counting half (Mann & Whitney, 1947)."""
    order = np.argsort(p, kind="stable")
    sorted_p, clicked, ignored = p[order], clicks[order], (impressions - clicks)[order]
    return lambda weights: float(_auc(order, sorted_p, clicked, ignored, weights))


def logloss(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Mean of −y·ln p − (1 − y)·ln(1 − p) over the impressions, in nats."""
    losses = log_losses(p, clicks, impressions)
    return lambda weights: _ratio(_sum(weights, losses), _sum(weights, impressions))


def ne(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Normalized entropy: log loss over the entropy of these rows' own base rate (He et al., AdKDD'14, eq. 1)."""
    average = logloss(p, clicks, impressions)

    def value(weights: F64) -> float:
        return average(weights) / entropy(_ratio(_sum(weights, clicks), _sum(weights, impressions)))

    return value


def entropy(rate: float) -> float:
    """Of one event of this probability, in nats; NaN where the event is certain or impossible."""
    return -rate * math.log(rate) - (1 - rate) * math.log1p(-rate) if 0 < rate < 1 else math.nan


def calibration(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Predicted clicks over observed clicks; 1 is right."""
    predicted = p * impressions
    return lambda weights: _ratio(_sum(weights, predicted), _sum(weights, clicks))


METRICS: dict[str, Callable[[F64, F64, F64], Weighted]] = {
    "auc": auc,
    "logloss": logloss,
    "ne": ne,
    "calibration": calibration,
}


def log_losses(p: F64, clicks: F64, impressions: F64) -> F64:
    """The log loss of each row, summed over its impressions, shape (N,)."""
    ln_p, ln_not_p = np.log(np.maximum(p, LEAST_P)), np.log(np.maximum(1 - p, LEAST_P))
    return -clicks * ln_p - (impressions - clicks) * ln_not_p


def figures(p: F64, clicks: F64, impressions: F64) -> dict[str, float]:
    """Every metric by its name."""
    check(p, clicks, impressions)
    return {name: metric(p, clicks, impressions)(np.ones(len(p))) for name, metric in METRICS.items()}


def measure(
    names: list[str], p: Mapping[str, F64], clicks: F64, impressions: F64, *, slice_: str, seed: int
) -> list[Measurement]:
    """Each metric of each variant in `p`, the first of which is the baseline that the others are paired with.

    Intervals are those of a Poisson bootstrap over rows (Chamandy et al., 2012): each row counts Poisson(1) times.
    """
    variants = list(p)
    for variant in variants:
        check(p[variant], clicks, impressions)
    prepared = [[METRICS[name](p[variant], clicks, impressions) for variant in variants] for name in names]
    resampled = np.empty((POISSON_RESAMPLES, len(names), len(variants)))
    rng = generator(seed, "bootstrap")
    for i in range(POISSON_RESAMPLES):
        weights = _POISSON[rng.integers(0, _DRAWS, len(clicks), dtype=np.uint16)].astype(np.float64)
        resampled[i] = [[weighted(weights) for weighted in row] for row in prepared]
    everyone = np.ones(len(clicks))
    measured = [
        _measurement(name, slice_, variants, k, [weighted(everyone) for weighted in row], resampled[:, m], len(clicks))
        for m, (name, row) in enumerate(zip(names, prepared, strict=True))
        for k in range(len(variants))
    ]
    observed = _observed(clicks, impressions)
    for measurement in measured:
        measurement.observed = observed
    return without_intervals_of_few(measured, observed.events, "events")


def check(p: F64, clicks: F64, impressions: F64) -> None:
    """Raises DataError for no rows, for what is no probability, and for rows of one class only."""
    if len(p) == 0:
        raise DataError("no rows to judge")
    if not np.all((p >= 0) & (p <= 1)):  # NaN fails this too
        raise DataError("a predicted probability is NaN or outside 0 … 1")
    total = clicks.sum()
    if total <= 0 or total >= impressions.sum():
        what = "no click" if total <= 0 else "clicks only"
        raise DataError(f"{len(p):,} rows to judge hold {what}", hint="Judge days that hold clicks and non-clicks.")


def _observed(clicks: F64, impressions: F64) -> Observed:
    clicked, shown = float(clicks.sum()), float(impressions.sum())
    return Observed(impressions=shown, events=clicked, entropy=entropy(clicked / shown))


def _sum(weights: F64, values: F64) -> float:
    """Σ weights·values, added up in NumPy's fixed order: a BLAS product would depend on the number of threads."""
    return float(np.sum(weights * values))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _interval(draws: F64) -> tuple[float, float]:
    """Over the resamples that have a value: without a click in it a resample has no AUC."""
    return percentile_interval(draws[np.isfinite(draws)]) if np.isfinite(draws).any() else (np.nan, np.nan)


def _measurement(
    name: str, slice_: str, variants: list[str], k: int, values: list[float], draws: F64, n: int
) -> Measurement:
    """The k-th variant's figure; `draws`, one row a resample, one column a variant, are those of all variants."""
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


@njit(cache=True, nogil=True)
def _auc(order, p, clicked, ignored, weights):  # type: ignore[no-untyped-def]
    """Mann–Whitney's U over ties, p ascending: each click beats the non-clicks below it and half of those beside it."""
    beaten = below = all_clicked = 0.0
    i = 0
    while i < len(p):
        tie = p[i]
        tied_clicked = tied_ignored = 0.0
        while i < len(p) and p[i] == tie:
            tied_clicked += weights[order[i]] * clicked[i]
            tied_ignored += weights[order[i]] * ignored[i]
            i += 1
        beaten += tied_clicked * (below + tied_ignored / 2)
        below += tied_ignored
        all_clicked += tied_clicked
    return beaten / (all_clicked * below) if all_clicked * below > 0 else np.nan
