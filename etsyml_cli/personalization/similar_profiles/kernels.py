"""Merge users into the lists of most similar users."""

from __future__ import annotations

import numpy as np
from numba import njit

PIECE = 64


@njit(cache=True, nogil=True)
def keep_nearest(approximate, slack, queries, slots, members, unit, nearest, cosines):  # type: ignore[no-untyped-def]
    """Insert the M members into the lists of B users if they are among the k most similar.

    queries, slots: (B,), users and the rows of their lists. approximate: (B, M), the cosines of queries and members,
    with an error of at most `slack`; those that may be high enough are computed again from unit, (U, K). nearest,
    cosines: (lists, k), best first, ties by descending user, -1 and -inf for empty places.

    Most pieces of a row contain no candidate, which is decided by the highest value of the piece.
    """
    k = nearest.shape[1]
    for b in range(len(queries)):
        user, near, best, row = queries[b], nearest[slots[b]], cosines[slots[b]], approximate[b]
        floor = best[k - 1] - slack
        for start in range(0, len(row), PIECE):
            stop = min(start + PIECE, len(row))
            if _highest(row, start, stop) < floor:
                continue
            for m in range(start, stop):
                if row[m] < floor or members[m] == user or _contains(near, members[m]):
                    continue
                _insert(near, best, members[m], _cosine(unit[user], unit[members[m]]))
                floor = best[k - 1] - slack


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cosine(a, b):  # type: ignore[no-untyped-def]
    """The cosine of two rows of length 1, with the same bits for the same pair."""
    total = 0.0
    for x in range(len(a)):
        total += np.float64(a[x]) * np.float64(b[x])
    return np.float32(total)


@njit(cache=True, nogil=True, fastmath=True)
def _highest(row, start, stop):  # type: ignore[no-untyped-def]
    highest = np.float32(-2)
    for m in range(start, stop):
        highest = max(highest, row[m])
    return highest


@njit(cache=True, nogil=True, inline="always")
def _contains(near, other):  # type: ignore[no-untyped-def]
    held = False
    for i in range(len(near)):
        held |= near[i] == other
    return held


@njit(cache=True, nogil=True, inline="always")
def _insert(near, best, other, cosine):  # type: ignore[no-untyped-def]
    place = len(near)
    while place > 0 and (best[place - 1] < cosine or (best[place - 1] == cosine and near[place - 1] < other)):
        place -= 1
        if place + 1 < len(near):
            best[place + 1], near[place + 1] = best[place], near[place]
    if place < len(near):
        best[place], near[place] = cosine, other
