"""The ensemble of M models: logistic regression on their log-odds and the amount of history.

It is fitted on predictions made before training on their rows (stacking on out-of-sample predictions, Wolpert 1992).
`calibration.py` then calibrates it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from etsyml_cli.core.types import F64

RIDGE = 1.0  # of the ensemble weights, towards equal weights
MAX_LOG_ODDS = 30.0  # log-odds are clipped to this range
LOG_SHOWN = 8.0  # scales the logarithm of impressions to the range of the other inputs


class Blend(NamedTuple):
    """Log-odds = platt · [weights · [the M models' log-odds, log(1 + shown) / 8, 1], 1]."""

    weights: F64  # (M + 2,)
    platt: F64  # (2,)

    def log_odds(self, p: F64, shown: F64) -> F64:
        """The log-odds (N,) before calibration, from the arguments of `predict`."""
        return _dot(_inputs(p, shown), self.weights)

    def calibrated_log_odds(self, p: F64, shown: F64) -> F64:
        """The log-odds (N,) after calibration."""
        return np.asarray(self.platt[0] * self.log_odds(p, shown) + self.platt[1])

    def predict(self, p: F64, shown: F64) -> F64:
        """Click probabilities (N,) from those of the models, (N, M), and earlier impressions of the ads, (N,)."""
        return np.asarray(1 / (1 + np.exp(-self.calibrated_log_odds(p, shown))))


def plain_blend(models: int) -> Blend:
    """An ensemble with equal weights, not calibrated."""
    return Blend(np.append(np.full(models, 1 / models), [0.0, 0.0]), np.array([1.0, 0.0]))


def fit_blend(p: F64, shown: F64, clicks: F64, impressions: F64) -> Blend:
    """Fit the ensemble weights to rows, p (N, M) and the others (N,); not calibrated."""
    start = plain_blend(p.shape[1])
    return start._replace(weights=fit_logistic(_inputs(p, shown), clicks, impressions, start.weights, RIDGE))


def _inputs(p: F64, shown: F64) -> F64:
    return np.column_stack([_log_odds(p), np.log1p(shown) / LOG_SHOWN, np.ones(len(shown))])


def _log_odds(p: F64) -> F64:
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(p) - np.log1p(-p), -MAX_LOG_ODDS, MAX_LOG_ODDS))


def fit_logistic(x: F64, clicks: F64, impressions: F64, start: F64, ridge: float, offset: F64 | float = 0.0) -> F64:
    """Logistic regression on rows x (N, D) with a ridge towards `start`, (D,), which is returned for one class only.

    `offset` is added to the log-odds of every row. Sums use NumPy, because the result of BLAS depends on the number of
    threads.
    """
    if not 0 < clicks.sum() < impressions.sum():
        return start
    from scipy.optimize import minimize  # takes a while to load, and a content model alone has no blend

    def loss(w: F64) -> tuple[float, F64]:
        a = offset + _dot(x, w)
        total = float((impressions * np.logaddexp(0, a) - clicks * a).sum())
        slope = (x * (impressions / (1 + np.exp(-a)) - clicks)[:, None]).sum(axis=0)
        return total + ridge / 2 * float(((w - start) ** 2).sum()), slope + ridge * (w - start)

    solution: F64 = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-6}).x
    return solution


def _dot(x: F64, w: F64) -> F64:
    total: F64 = (x * w).sum(axis=1)
    return total
