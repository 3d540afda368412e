"""Split the favorites of each user into training and test sets."""

from __future__ import annotations

from typing import Any, Literal

import mmh3
import msgspec
import numpy as np
from numpy.typing import NDArray

MIN_FAVORITES = 5  # a user with fewer keeps all of them for training


class UserSplit(msgspec.Struct, kw_only=True):
    """The rule of a split and its counts; `latest` and `random` hold out `share` of each user's favorites."""

    rule: Literal["latest", "random", "file", "none"]
    share: float | None = None
    seed: int | None = None
    min_favorites: int | None = None
    file: dict[str, Any] | None = None  # name and sha256
    not_in_favorites: int = 0  # pairs of the file that are not in the favorites table
    rows: dict[str, int] = {}


def hold_out(
    users: NDArray[np.int64], listings: NDArray[np.int64], key: NDArray[Any], share: float
) -> NDArray[np.bool_]:
    """Mask of the last `share` of each user's favorites in the order of `key`, ties by listing; all arrays (P,).

    At least one favorite is held out and one kept for users with MIN_FAVORITES or more, none for other users.
    """
    n = np.bincount(users)
    n_test = np.where(n >= MIN_FAVORITES, np.clip(np.rint(share * n).astype(np.int64), 1, n - 1), 0)
    order = np.lexsort((listings, key, users))
    user = users[order]
    rank = np.arange(len(user)) - (np.cumsum(n) - n)[user]
    held = np.empty(len(user), bool)
    held[order] = rank >= (n - n_test)[user]
    return held


def random_key(user_ids: list[str], listing_ids: list[str], seed: int) -> NDArray[np.int64]:
    """A random number for each of P pairs, shape (P,), which depends only on the seed and the ids, not on row order."""
    pairs = zip(user_ids, listing_ids, strict=True)
    hashes = (mmh3.hash64(f"{seed}\0{user}\0{listing}")[0] for user, listing in pairs)
    return np.fromiter(hashes, np.int64, len(user_ids))
