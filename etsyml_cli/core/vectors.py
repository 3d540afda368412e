"""Rows of vectors scaled to length 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TINY = 1e-12  # keeps a row of zeros at zero


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows (N, D) scaled to length 1 in float32; a row of zeros is kept."""
    single = rows.astype(np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", single, single, dtype=np.float64))
    unit: NDArray[np.float32] = single / np.maximum(length, TINY).astype(np.float32)[:, None]
    return unit


def unit_rows_in_double(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows (N, D) scaled to length 1 in float64; a row of zeros is kept."""
    double = rows.astype(np.float64)
    length = np.linalg.norm(double, axis=1, keepdims=True)
    np.divide(double, length, out=double, where=length > 0)
    return double
