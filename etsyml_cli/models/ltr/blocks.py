"""A block of listing features as a linear map, so that dense photos stay on disk beside sparse words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

Floats = NDArray[np.float64]

ROWS_AT_ONCE = 4096
TINY = 1e-12  # keeps a photo of zeros at zero


def photo_block(features: NDArray[np.floating], photo_of_listing: NDArray[np.int64]) -> LinearOperator:
    """[d_I, is there a photo] of I listings, as a map of shape (I, D + 1).

    `features`, shape (P, D), may be a memory map of float16 or float32: it is read in pieces, and its rows are
    brought to length 1 on the fly. `photo_of_listing`, shape (I,), names a row of it, or -1: such a listing has
    zeros all through.
    """
    in_file_order = np.argsort(photo_of_listing, kind="stable")
    has_photo = in_file_order[photo_of_listing[in_file_order] >= 0]
    pieces = [has_photo[start : start + ROWS_AT_ONCE] for start in range(0, len(has_photo), ROWS_AT_ONCE)]
    shape = (len(photo_of_listing), features.shape[1] + 1)

    def rows(piece: NDArray[np.int64]) -> NDArray[np.floating]:
        """Raw photo rows; float32 is fast and precise enough for one piece, sums over pieces are in float64."""
        found = features[photo_of_listing[piece]]
        return found.astype(np.float32) if found.dtype == np.float16 else found

    scale = np.zeros(shape[0])
    for piece in pieces:
        scale[piece] = 1 / np.maximum(np.linalg.norm(rows(piece).astype(np.float64), axis=1), TINY)

    def scores(w: Floats) -> Floats:
        w = w.ravel()
        s = np.zeros(shape[0])
        for piece in pieces:
            found = rows(piece)
            s[piece] = found @ w[:-1].astype(found.dtype) * scale[piece] + w[-1]
        return s

    def weighted_sum(c: Floats) -> Floats:
        c = c.ravel()
        total = np.zeros(shape[1])
        for piece in pieces:
            found = rows(piece)
            total[:-1] += (c[piece] * scale[piece]).astype(found.dtype) @ found
            total[-1] += c[piece].sum()
        return total

    return LinearOperator(shape, matvec=scores, rmatvec=weighted_sum, dtype=np.float64)
