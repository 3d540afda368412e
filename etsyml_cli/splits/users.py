"""Which favorites of each user are set aside for the test."""

from __future__ import annotations

from typing import Any, Literal

import mmh3
import msgspec
import numpy as np
from numpy.typing import NDArray

MIN_FAVORITES = 5  # a user with fewer keeps all of them for training


class UserSplit(msgspec.Struct, kw_only=True):
    """The rule of a split and what it came to: `latest` and `random` take `share` of each user's favorites."""

    rule: Literal["latest", "random", "file", "none"]
    share: float | None = None
    seed: int | None = None
    min_favorites: int | None = None
    file: dict[str, Any] | None = None  # name and sha256
    not_in_favorites: int = 0  # pairs of the file that nobody favorited
    rows: dict[str, int] = {}


def hold_out(
    users: NDArray[np.int64], listings: NDArray[np.int64], key: NDArray[Any], share: float
) -> NDArray[np.bool_]:
    """True for the last `share` of each user's favorites in the order of `key`, ties by listing; all shapes (P,).

    At least one favorite is held out and one kept of everyone who has MIN_FAVORITES.
    """
    n = np.bincount(users)
    n_test = np.where(n >= MIN_FAVORITES, np.clip(np.rint(share * n).astype(np.int64), 1, n - 1), 0)
    order = np.lexsort((listings, key, users))
    user = users[order]
    place = np.arange(len(user)) - (np.cumsum(n) - n)[user]
    held = np.empty(len(user), bool)
    held[order] = place >= (n - n_test)[user]
    return held


def random_key(user_ids: list[str], listing_ids: list[str], seed: int) -> NDArray[np.int64]:
    """A random number for each of P pairs that depends on seed and ids alone, so that no order of rows matters."""
    pairs = zip(user_ids, listing_ids, strict=True)
    hashes = (mmh3.hash64(f"{seed}\0{user}\0{listing}")[0] for user, listing in pairs)
    return np.fromiter(hashes, np.int64, len(user_ids))
