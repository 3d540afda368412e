"""Inner products that do not depend on the order of their sums, so a fast product of matrices gives them exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import F64

LISTING_BITS = 16
USER_BITS = 22  # with those of listings and the 2^15 terms of a sum at most 53, the bits of float64


def rounded_to(rows: NDArray[np.floating], bits: int, largest: NDArray[np.floating] | float) -> F64:
    """The rows (N, D) as multiples of 2^-bits of the next power of two of `largest`, a number or (N, 1)."""
    with np.errstate(divide="ignore"):
        exponent = np.ceil(np.log2(largest))
    step = np.exp2(np.where(np.isfinite(exponent), exponent, 0) - bits)
    return np.asarray(np.rint(rows / step) * step, np.float64)


def exact_products(users: F64, listings: F64) -> F64:
    """The inner products (B, I) of users (B, D) and listings (I, D), which must have been rounded to LISTING_BITS."""
    largest = np.abs(users).max(axis=1, keepdims=True, initial=0)
    return np.asarray(rounded_to(users, USER_BITS, largest) @ listings.T)
