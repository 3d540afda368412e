"""Favorites and similar listings as plain arrays (CSR)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Favorites(NamedTuple):
    """Favorites: the listings of user u are `indices[indptr[u]:indptr[u + 1]]`, ascending.

    indptr: (U + 1,) int64; indices: (P,) int32.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]

    def of(self, user: int) -> NDArray[np.int32]:
        """The listings of one user."""
        return self.indices[self.indptr[user] : self.indptr[user + 1]]

    def per_user(self) -> NDArray[np.int64]:
        """The number of favorites of each user, shape (U,)."""
        return np.diff(self.indptr)

    def users(self) -> NDArray[np.int64]:
        """The user of each favorite, shape (P,)."""
        return np.repeat(np.arange(len(self.indptr) - 1), self.per_user())

    def take(self, users: NDArray[np.int64]) -> Favorites:
        """The rows of `users`, shape (B,), in that order."""
        return rows_of([self.of(user) for user in users])

    def span(self, start: int, stop: int) -> Favorites:
        """The rows from `start` to before `stop`."""
        indptr = self.indptr[start : min(stop, len(self.indptr) - 1) + 1]
        return Favorites(indptr - indptr[0], self.indices[indptr[0] : indptr[-1]])


def rows_of(rows: Sequence[NDArray[np.int32]]) -> Favorites:
    """Favorites with one row of listings per user."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Favorites(indptr, np.concatenate([*rows, np.empty(0, np.int32)]))


class Neighbors(NamedTuple):
    """Similar listings: those of listing i are `listings[ptr[i]:ptr[i + 1]]`, each with its `similarity`.

    ptr: (I + 1,) int64; listings: (P,) int32; similarity: (P,) float32, above 0.
    """

    ptr: NDArray[np.int64]
    listings: NDArray[np.int32]
    similarity: NDArray[np.float32]


def points_inside(ptr: NDArray[np.int64], listings: NDArray[np.int32], n_listings: int) -> bool:
    """Whether the CSR is valid, with all listings below `n_listings`: compiled code does not check this."""
    in_order = ptr[0] == 0 and ptr[-1] == len(listings) and (np.diff(ptr) >= 0).all()
    return bool(in_order and (not len(listings) or (listings.min() >= 0 and listings.max() < n_listings)))


def favorites_of(users: NDArray[np.int64], listings: NDArray[np.int64], n_users: int) -> Favorites:
    """Favorites from P pairs of indices in any order."""
    order = np.lexsort((listings, users))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=n_users))]).astype(np.int64)
    return Favorites(indptr, listings[order].astype(np.int32))
