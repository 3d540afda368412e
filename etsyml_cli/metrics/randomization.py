"""Paired randomization test of a mean difference (Fisher, 1935; Smucker, Allan & Carterette, CIKM'07)."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64

FLIPS = 10_000
SIGNS_AT_ONCE = 1 << 21
ROUNDING = 1e-12  # two sums of the same numbers in another order differ by less than this share of them


def p_values(differences: F64, seed: int) -> F64:
    """Two-sided p-values, shape (V,), of the mean of each row of `differences`, (V, N): one row per variant.

    If a variant is no better than the baseline, each of its N differences has either sign with equal probability. p is
    the share of FLIPS random choices of signs, plus the observed signs, with a mean at least as far from 0.
    """
    n = differences.shape[1]
    rng = generator(seed, "randomization test")
    least = np.abs(_signed_sums(np.ones((1, n)), differences)) - ROUNDING * np.abs(differences).sum(axis=1)
    as_far = np.zeros(len(differences))
    at_once = max(1, SIGNS_AT_ONCE // n)
    for start in range(0, FLIPS, at_once):
        signs: F64 = 1.0 - 2.0 * rng.integers(0, 2, (min(at_once, FLIPS - start), n), dtype=np.bool_).astype(np.float64)
        as_far += (np.abs(_signed_sums(signs, differences)) >= least).sum(axis=0)
    return (1 + as_far) / (1 + FLIPS)


def _signed_sums(signs: F64, differences: F64) -> F64:
    """(F, N) signs by (V, N) differences, shape (F, V); a BLAS product would depend on the number of threads."""
    sums: F64 = np.einsum("fn,vn->fv", signs, differences)
    return sums
