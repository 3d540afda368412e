"""The standard deviation of a user's scores, by which the scores of recommenders become comparable."""

from __future__ import annotations

import numpy as np
from numba import njit

from etsyml_cli.core.types import F32, F64

LOWEST = np.finfo(np.float32).min  # only -inf is below
CONSTANT = 1e-6  # a deviation below this share of the mean is rounding


def deviations(scores: F32) -> F64:
    """The standard deviation of each row of finite scores, (B,), without -inf; 0 if all of them are equal."""
    return not_constant(*_moments(scores))


def not_constant(means: F64, variances: F64) -> F64:
    """The standard deviations, 0 where they are no more than rounding."""
    deviation = np.sqrt(np.maximum(variances, 0))
    return np.where(deviation > CONSTANT * np.abs(means), deviation, 0.0)


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})  # so that the loop is vectorized
def _moments(scores):  # type: ignore[no-untyped-def]
    """The mean and the variance of each row; the order of the sums depends on the length of the row only."""
    means, variances = np.zeros(len(scores)), np.zeros(len(scores))
    for row in range(len(scores)):
        s = scores[row]
        n, total, squares = 0, 0.0, 0.0
        for i in range(len(s)):
            finite = s[i] >= LOWEST
            score = np.float64(s[i]) if finite else 0.0
            n += finite
            total += score
            squares += score * score
        if n:
            means[row] = total / n
            variances[row] = squares / n - means[row] ** 2
    return means, variances
