"""Operations on rows of vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TINY = 1e-12  # keeps a photo of zeros at zero


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows brought to length 1, as float32; a row of zeros stays one."""
    found = rows.astype(np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", found, found, dtype=np.float64))
    unit: NDArray[np.float32] = found / np.maximum(length, TINY).astype(np.float32)[:, None]
    return unit
