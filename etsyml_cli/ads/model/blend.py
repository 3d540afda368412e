"""One probability from those of M models: a logistic blend by the amount of history, calibrated.

Both steps are fitted on probabilities that were predicted before their rows were learned (stacking on out-of-sample
predictions, Wolpert 1992; calibration by Platt 1999).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from etsyml_cli.core.types import F64

RIDGE = 1.0  # of the blend towards equal shares
CALIBRATION_RIDGE = 100.0  # of the calibration towards none: a day of few clicks must not move the next
MOST = 30.0  # the farthest log-odds that a probability counts as
LOG_SHOWN = 8.0  # brings the logarithm of the ad's impressions into the range of the others


class Blend(NamedTuple):
    """Log-odds = platt · [weights · [the M models' log-odds, log(1 + shown) / 8, 1], 1]."""

    weights: F64  # (M + 2,)
    platt: F64  # (2,)

    def predict(self, p: F64, shown: F64) -> F64:
        """Click probabilities (N,) from the models', (N, M), and from how often each ad was shown before, (N,)."""
        blended = _dot(_inputs(p, shown), self.weights)
        return np.asarray(1 / (1 + np.exp(-(self.platt[0] * blended + self.platt[1]))))


def plain_blend(models: int) -> Blend:
    """All models count alike, before anything was fitted."""
    return Blend(np.append(np.full(models, 1 / models), [0.0, 0.0]), np.array([1.0, 0.0]))


def fit_blend(p: F64, shown: F64, clicks: F64, impressions: F64) -> Blend:
    """The blend that fits these rows, p (N, M) and the others (N,), best; not calibrated."""
    start = plain_blend(p.shape[1])
    return start._replace(weights=_fit(_inputs(p, shown), clicks, impressions, start.weights, RIDGE))


def calibrated(blend: Blend, p: F64, shown: F64, clicks: F64, impressions: F64) -> Blend:
    """The blend with the slope and the shift of its log-odds that fit these rows best.

    The slope turns around the mean of the log-odds, each weighted by its information on the shift, n·p(1 − p): so the
    evidence for one does not move the other. Rows of one class leave the blend as it is.
    """
    if not 0 < clicks.sum() < impressions.sum():
        return blend
    log_odds = _dot(_inputs(p, shown), blend.weights)
    q = 1 / (1 + np.exp(-log_odds))
    mean = float(np.average(log_odds, weights=impressions * q * (1 - q)))
    x = np.column_stack([log_odds - mean, np.ones(len(clicks))])
    slope, shift = _fit(x, clicks, impressions, np.array([1.0, 0.0]), CALIBRATION_RIDGE, offset=mean)
    return blend._replace(platt=np.array([slope, shift + (1 - slope) * mean]))


def level_kept(blend: Blend, p: F64, shown: F64, target: F64, impressions: F64) -> Blend:
    """The blend with the shift at which the mean of its predictions for these rows is that of `target`, (N,)."""
    log_odds = blend.platt[0] * _dot(_inputs(p, shown), blend.weights) + blend.platt[1]
    ones = np.ones((len(target), 1))
    shift = _fit(ones, target * impressions, impressions, np.zeros(1), 0.0, offset=log_odds)
    return blend._replace(platt=np.array([blend.platt[0], blend.platt[1] + shift[0]]))


def _inputs(p: F64, shown: F64) -> F64:
    return np.column_stack([_log_odds(p), np.log1p(shown) / LOG_SHOWN, np.ones(len(shown))])


def _log_odds(p: F64) -> F64:
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(p) - np.log1p(-p), -MOST, MOST))


def _fit(x: F64, clicks: F64, impressions: F64, start: F64, ridge: float, offset: F64 | float = 0.0) -> F64:
    """Logistic regression of rows x (N, D) with a ridge towards `start`, (D,), the result if rows are of one class.

    `offset` is added to the log-odds of every row.

    Sums are NumPy's: a BLAS product would depend on the number of threads.
    """
    if not 0 < clicks.sum() < impressions.sum():
        return start
    from scipy.optimize import minimize  # takes a while to load, and a content model alone has no blend

    def loss(w: F64) -> tuple[float, F64]:
        a = offset + _dot(x, w)
        total = float((impressions * np.logaddexp(0, a) - clicks * a).sum())
        slope = (x * (impressions / (1 + np.exp(-a)) - clicks)[:, None]).sum(axis=0)
        return total + ridge / 2 * float(((w - start) ** 2).sum()), slope + ridge * (w - start)

    found: F64 = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-6}).x
    return found


def _dot(x: F64, w: F64) -> F64:
    total: F64 = (x * w).sum(axis=1)
    return total
