"""Which listings are most like a listing: cosines of words, of photos and of both, exact, in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

AT_ONCE = 256


def text_cosines(rows: sparse.csr_matrix) -> Callable[[Ints], Floats]:
    """For some of I listings, (B,), the cosines (B, I) with all; `rows`, (I, D), of length 1 or 0."""
    columns = rows.T.tocsr()
    return lambda asked: (rows[asked] @ columns).toarray().astype(np.float32)


def photo_cosines(unit: Floats) -> Callable[[Ints], Floats]:
    """The same for photos; `unit`, (I, D), of length 1, or 0 where a listing has none."""
    return lambda asked: unit[asked] @ unit.T


def mean_cosines(parts: list[Callable[[Ints], Floats]]) -> Callable[[Ints], Floats]:
    """The cosine of blocks side by side that weigh alike: the mean of theirs. A block that a listing lacks adds 0."""
    return lambda asked: np.asarray(sum(part(asked) for part in parts) / np.float32(len(parts)), dtype=np.float32)


def nearest(
    asked: Ints,
    cosines: Callable[[Ints], Floats],
    id_order: Ints,
    k: int,
    forbidden: Callable[[int], Ints],
) -> Iterator[tuple[int, Ints, Floats]]:
    """For each asked listing itself, the k most like it but for those in `forbidden`, best first, and their cosines.

    Ties go by `id_order`, (I,), downwards, as in the metrics. Memory holds AT_ONCE times I cosines.
    """
    for start in range(0, len(asked), AT_ONCE):
        block = asked[start : start + AT_ONCE]
        for listing, row in zip(block.tolist(), cosines(block), strict=True):
            row[forbidden(listing)] = -np.inf
            best = _best(row, id_order, k)
            yield listing, best, row[best]


def _best(row: Floats, id_order: Ints, k: int) -> Ints:
    """The k highest entries, those of -inf left out, best first; whoever ties with the last of them may come in."""
    allowed = int(np.isfinite(row).sum())
    k = min(k, allowed)
    if k == 0:
        return np.empty(0, np.int64)
    least = np.partition(row, len(row) - k)[len(row) - k]
    among = np.flatnonzero(row >= least)
    return among[np.lexsort((-id_order[among], -row[among]))][:k]
