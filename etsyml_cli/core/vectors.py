"""Operations on rows of vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TINY = 1e-12  # avoids division by zero; a zero row stays zero


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows (N, D) scaled to unit length, as float32; zero rows stay zero."""
    found = rows.astype(np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", found, found, dtype=np.float64))
    unit: NDArray[np.float32] = found / np.maximum(length, TINY).astype(np.float32)[:, None]
    return unit
