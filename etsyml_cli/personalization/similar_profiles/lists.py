"""Lists of the users whose style profiles are most like a user's, among all users or among some.

A matrix product tells roughly who may belong into a list; whoever may is compared again, pair by pair. So a list is
what sorting all that it was compared with would give, and depends neither on threads nor on who else is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from etsyml_cli.core.types import F32, I64
from etsyml_cli.core.vectors import unit_rows_in_double
from etsyml_cli.personalization.similar_profiles.kernels import keep_nearest

ASKED_AT_ONCE, MEMBERS_AT_ONCE = 256, 2048  # their cosines stay in a core's cache
# A product of K floats is off by K times this at most, in whatever order it is summed (Jeannerod & Rump, SIMAX 2013).
UNIT_ROUNDOFF = np.finfo(np.float32).eps / 2
SAME = np.float32(1e-6)  # cosines that differ by less are equal

Users = NDArray[np.int32]
Rows = TypeVar("Rows", Users, I64)


class Lists(NamedTuple):
    """For each of B users the k most similar others, best first, ties by the higher user.

    users: (B, k) int32; cosines: (B, k) float32. Where fewer were found, user -1 with cosine -inf.
    """

    users: Users
    cosines: F32


class Group(NamedTuple):
    """The rows of some lists, (B,), and whom their users are compared with, (M,)."""

    slots: I64
    members: Users


def unit_rows(theta: F32) -> F32:
    """Profiles, (U, K), at length 1."""
    unit = np.empty_like(theta)
    for rows in _pieces(np.arange(len(theta)), MEMBERS_AT_ONCE):
        unit[rows] = unit_rows_in_double(theta[rows])
    return unit


def no_lists(n_asked: int, k: int) -> Lists:
    """Lists that hold nobody yet."""
    return Lists(np.full((n_asked, k), -1, np.int32), np.full((n_asked, k), -np.inf, np.float32))


def exact_lists(unit: F32, asked: Users, k: int) -> Lists:
    """The lists of `asked`, (B,), among all users of unit, (U, K); k is below U."""
    lists, slots = no_lists(len(asked), k), np.arange(len(asked))
    everyone = np.arange(len(unit), dtype=np.int32)
    compare(unit, asked, (Group(piece, everyone) for piece in _pieces(slots, ASKED_AT_ONCE)), lists)
    return lists


def compare(unit: F32, asked: Users, groups: Iterable[Group], lists: Lists) -> None:
    """The lists of `asked`, (B,), take up whom they lack of their group's members. No list is in two groups."""
    slack = np.float32((unit.shape[1] + 2) * UNIT_ROUNDOFF)

    def of_group(group: Group) -> None:
        for slots in _pieces(group.slots, ASKED_AT_ONCE):
            mine = unit[asked[slots]]
            for members in _pieces(group.members, MEMBERS_AT_ONCE):
                keep_nearest(mine @ unit[members].T, slack, asked[slots], slots, members, unit, *lists)

    with ThreadPoolExecutor(get_num_threads()) as pool:
        list(pool.map(of_group, groups))


def recall(cosines: F32, exact: F32) -> float:
    """The share of lists, (B, k), that is as similar as the last of the exact list."""
    return float((cosines >= exact[:, -1:] - SAME).mean())


def _pieces(rows: Rows, size: int) -> Iterator[Rows]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
