"""Split favorites by one cut in time, or hold out a share of each user's favorites."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import mmh3
import msgspec
import numpy as np

from etsyml_cli.core.types import I64, Bools

MIN_FAVORITES = 5  # a user with fewer keeps all of them for training


class FavoriteSplit(msgspec.Struct, kw_only=True):
    """The rule of a split and its counts.

    `time` holds out all favorites from `cut` on, about `share` of those with a time. `user` and `random` hold out
    `share` of each user's favorites: the latest, or random ones. decided_by_ties: for `user`, the share of the held-out
    favorites that were chosen at random among favorites of equal time. without_time: favorites without a time in a
    table with times; they are never held out by time. note: what a reader of the figures must know.
    """

    rule: Literal["time", "user", "random", "file", "none"]
    cut: str | None = None
    share: float | None = None
    seed: int | None = None
    min_favorites: int | None = None
    without_time: int = 0
    decided_by_ties: float | None = None
    note: str | None = None
    file: dict[str, Any] | None = None  # name and sha256
    not_in_favorites: int = 0  # pairs of the file that are not in the favorites table
    rows: dict[str, int] = {}


class Order(NamedTuple):
    """The order of each user's favorites: by `key`, and by `tie` if keys are equal; both (P,)."""

    key: I64
    tie: I64


def cut_time(times: I64, share: float) -> int | None:
    """The time from which on the part of `times`, (P,), is nearest to `share`; the later one of two equally near.

    Equal times are on one side, and neither side is empty. None if all times are equal.
    """
    values, counts = np.unique(times, return_counts=True)
    if len(values) < 2:
        return None
    part = np.cumsum(counts[:0:-1]) / len(times)  # from the last value on, from the one before it, …
    return int(values[-1 - np.argmin(np.abs(part - share))])


def hold_out(users: I64, order: Order, share: float) -> Bools:
    """Mask of the last `share` of each user's favorites; all arrays (P,).

    At least one favorite is held out and one kept for users with MIN_FAVORITES or more, none for other users.
    """
    n = np.bincount(users)
    n_test = np.where(n >= MIN_FAVORITES, np.clip(np.rint(share * n).astype(np.int64), 1, n - 1), 0)
    place = np.lexsort((order.tie, order.key, users))
    user = users[place]
    rank = np.arange(len(user)) - (np.cumsum(n) - n)[user]
    held = np.empty(len(user), bool)
    held[place] = rank >= (n - n_test)[user]
    return held


def tied(users: I64, key: I64) -> Bools:
    """Which favorites have the same key as another of the same user; all arrays (P,)."""
    group = _groups(users, key)
    return np.asarray(np.bincount(group)[group] > 1)


def share_decided_by_ties(users: I64, key: I64, held: Bools) -> float:
    """The share of held-out favorites with the same key as a favorite of the user that is not held out."""
    group = _groups(users, key)
    kept = np.bincount(group[~held], minlength=int(group.max(initial=-1)) + 1)
    return float((kept[group[held]] > 0).mean()) if held.any() else 0.0


def _groups(users: I64, key: I64) -> I64:
    """The number of each favorite's user and key, (P,)."""
    order = np.lexsort((key, users))
    new = (np.diff(users[order], prepend=-1) != 0) | (np.diff(key[order], prepend=key[order[:1]]) != 0)
    group = np.empty(len(users), np.int64)
    group[order] = np.cumsum(new) - 1
    return group


def random_key(user_ids: list[str], listing_ids: list[str], seed: int) -> I64:
    """A random number for each of P pairs, shape (P,), which depends only on the seed and the ids, not on row order."""
    pairs = zip(user_ids, listing_ids, strict=True)
    hashes = (mmh3.hash64(f"{seed}\0{user}\0{listing}")[0] for user, listing in pairs)
    return np.fromiter(hashes, np.int64, len(user_ids))
