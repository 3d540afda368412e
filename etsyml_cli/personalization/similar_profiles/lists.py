"""Lists of the users with the most similar style profiles, among all users or some of them.

A matrix product selects candidates with approximate cosines, and exact cosines rank them. So a list equals the result
of a full sort, and depends neither on the number of threads nor on the other queries.
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

QUERIES_AT_ONCE, MEMBERS_AT_ONCE = 256, 2048  # sized so that the cosines fit in a core's cache
# Bound of the relative error of a product of K floats, divided by K, in any order (Jeannerod & Rump, SIMAX 2013).
UNIT_ROUNDOFF = np.finfo(np.float32).eps / 2
COSINE_TOLERANCE = np.float32(1e-6)  # cosines that differ by less are equal

Users = NDArray[np.int32]
Rows = TypeVar("Rows", Users, I64)


class Lists(NamedTuple):
    """For each of B users the k most similar other users, best first, ties by descending user.

    users: (B, k) int32; cosines: (B, k) float32. If fewer were found, user -1 with cosine -inf.
    """

    users: Users
    cosines: F32


class Group(NamedTuple):
    """The rows of some lists, (B,), and the users to compare theirs with, (M,)."""

    slots: I64
    members: Users


def unit_rows(theta: F32) -> F32:
    """Profiles, (U, K), scaled to length 1."""
    unit = np.empty_like(theta)
    for rows in _pieces(np.arange(len(theta)), MEMBERS_AT_ONCE):
        unit[rows] = unit_rows_in_double(theta[rows])
    return unit


def no_lists(n_queries: int, k: int) -> Lists:
    """Empty lists."""
    return Lists(np.full((n_queries, k), -1, np.int32), np.full((n_queries, k), -np.inf, np.float32))


def exact_lists(unit: F32, queries: Users, k: int) -> Lists:
    """The lists of `queries`, (B,), among all users of unit, (U, K); k is less than U."""
    lists, slots = no_lists(len(queries), k), np.arange(len(queries))
    everyone = np.arange(len(unit), dtype=np.int32)
    compare(unit, queries, (Group(piece, everyone) for piece in _pieces(slots, QUERIES_AT_ONCE)), lists)
    return lists


def compare(unit: F32, queries: Users, groups: Iterable[Group], lists: Lists) -> None:
    """Insert the members of each group into the lists of its `queries`, (B,). No list is in two groups."""
    slack = np.float32((unit.shape[1] + 2) * UNIT_ROUNDOFF)

    def of_group(group: Group) -> None:
        for slots in _pieces(group.slots, QUERIES_AT_ONCE):
            mine = unit[queries[slots]]
            for members in _pieces(group.members, MEMBERS_AT_ONCE):
                keep_nearest(mine @ unit[members].T, slack, queries[slots], slots, members, unit, *lists)

    with ThreadPoolExecutor(get_num_threads()) as pool:
        list(pool.map(of_group, groups))


def recall(cosines: F32, exact: F32) -> float:
    """The share of entries, (B, k), that are as similar as the last of the exact list."""
    return float((cosines >= exact[:, -1:] - COSINE_TOLERANCE).mean())


def _pieces(rows: Rows, size: int) -> Iterator[Rows]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
