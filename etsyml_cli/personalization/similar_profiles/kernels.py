"""Who of a block of users belongs into whose list of the most similar."""

from __future__ import annotations

import numpy as np
from numba import njit

PIECE = 64


@njit(cache=True, nogil=True)
def keep_nearest(roughly, slack, asked, slots, members, unit, nearest, cosines):  # type: ignore[no-untyped-def]
    """Each list takes up whom it lacks of M members.

    asked, slots: (B,), users and the rows of their lists. roughly: (B, M), the cosines of asked and members, off by
    `slack` at most; one that may tell is computed again from unit, (U, K). nearest, cosines: (lists, k), best first,
    equal ones by the higher user, -1 and -inf where there is none yet.

    Most pieces of a row hold nobody near enough, which their highest value alone tells.
    """
    k = nearest.shape[1]
    for b in range(len(asked)):
        user, near, best, row = asked[b], nearest[slots[b]], cosines[slots[b]], roughly[b]
        floor = best[k - 1] - slack
        for start in range(0, len(row), PIECE):
            stop = min(start + PIECE, len(row))
            if _highest(row, start, stop) < floor:
                continue
            for m in range(start, stop):
                if row[m] < floor or members[m] == user or _holds(near, members[m]):
                    continue
                _insert(near, best, members[m], _cosine(unit[user], unit[members[m]]))
                floor = best[k - 1] - slack


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cosine(a, b):  # type: ignore[no-untyped-def]
    """Of two rows of length 1, the same bits for the same pair."""
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
def _holds(near, other):  # type: ignore[no-untyped-def]
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
