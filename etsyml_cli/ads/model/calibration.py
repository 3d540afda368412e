"""The calibration of click predictions: slope and intercept of the log-odds of the ensemble (Platt 1999).

It is fitted on predictions made before training on their rows.
"""

from __future__ import annotations

import numpy as np

from etsyml_cli.ads.model.blend import Blend, fit_logistic
from etsyml_cli.core.types import F64

RIDGE = 100.0  # towards no calibration: a day with few clicks must not affect the next


def calibrated(blend: Blend, p: F64, shown: F64, clicks: F64, impressions: F64) -> Blend:
    """Fit slope and intercept of the calibration to these rows.

    Log-odds are centered on their mean, weighted by n·p(1 − p), the information on the intercept: so slope and
    intercept are estimated independently. If the rows are of one class, the ensemble is returned unchanged.
    """
    if not 0 < clicks.sum() < impressions.sum():
        return blend
    log_odds = blend.log_odds(p, shown)
    q = 1 / (1 + np.exp(-log_odds))
    mean = float(np.average(log_odds, weights=impressions * q * (1 - q)))
    x = np.column_stack([log_odds - mean, np.ones(len(clicks))])
    slope, shift = fit_logistic(x, clicks, impressions, np.array([1.0, 0.0]), RIDGE, offset=mean)
    return blend._replace(platt=np.array([slope, shift + (1 - slope) * mean]))


def level_kept(blend: Blend, p: F64, shown: F64, target: F64, impressions: F64) -> Blend:
    """The ensemble with its intercept adjusted so that its mean prediction equals the mean of `target`, (N,)."""
    log_odds = blend.calibrated_log_odds(p, shown)
    ones = np.ones((len(target), 1))
    shift = fit_logistic(ones, target * impressions, impressions, np.zeros(1), 0.0, offset=log_odds)
    return blend._replace(platt=np.array([blend.platt[0], blend.platt[1] + shift[0]]))
