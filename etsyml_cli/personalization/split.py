"""Split favorites into training and test parts, and the training part into windows to choose settings on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import I64, Bools
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.holdout import favorites_in_file, share_of
from etsyml_cli.personalization.log import FavoritesTable
from etsyml_cli.splits.favorites import (
    MIN_FAVORITES,
    FavoriteSplit,
    Order,
    cut_time,
    hold_out,
    random_key,
    share_decided_by_ties,
    tied,
)

NO_TIMES = "the favorites have no times, so random ones are held out"
SEES_THE_FUTURE = "training sees other users' later favorites"
TWICE = 2.0  # a test part this many times larger or smaller than configured is reported


class Windows(NamedTuple):
    """Two parts of the favorites to learn from, (P,) each: to learn the weights of a mix, and to choose settings."""

    weigh: Bools
    valid: Bools


def split_favorites(
    favorites: FavoritesTable, holdout: str | None, config: LdaConfig, seed: int
) -> tuple[Bools, FavoriteSplit]:
    """Which favorites are held out, shape (P,), and the rule.

    `holdout` is None (the configured share), "none", a share, or a file of favorites. Raises UsageError if it is none
    of these, DataError if no pair of the file is in the table.
    """
    if holdout == "none":
        return np.zeros(len(favorites.user), bool), FavoriteSplit(rule="none", without_time=_without_time(favorites))
    share = config.holdout_share if holdout is None else share_of(holdout)
    if share is None:
        return favorites_in_file(favorites, Path(str(holdout)))
    if favorites.created_at is not None and config.split == "time":
        cut = cut_time(favorites.created_at[favorites.timed], share)
        if cut is not None:
            return _split_at_share(favorites, cut, share)
        logger.warning("all favorites have the same time: held out at random instead of by time")
    by_time = favorites.created_at is not None and config.split == "user"
    return _split_users(favorites, share, by_time=by_time, seed=seed)


def split_at(favorites: FavoritesTable, cut: int) -> tuple[Bools, FavoriteSplit]:
    """The split by time that holds out all favorites from `cut` on."""
    held = favorites.timed & (_times(favorites) >= cut)
    when = f"{np.datetime64(cut, 'us')}".removesuffix(".000000") + "Z"
    return held, FavoriteSplit(rule="time", cut=when, without_time=_without_time(favorites))


def _split_at_share(favorites: FavoritesTable, cut: int, share: float) -> tuple[Bools, FavoriteSplit]:
    held, split = split_at(favorites, cut)
    split.share, actual = share, held.sum() / favorites.timed.sum()
    if not share / TWICE <= actual <= share * TWICE:
        logger.warning("few different times: the test part has %.0f%% of the favorites", 100 * actual)
    return held, split


def window_cuts(favorites: FavoritesTable, share: float, number: int) -> list[int]:
    """The times at which `number` successive windows of the test part begin, with about equally many favorites.

    Raises UsageError without times, or with fewer different times.
    """
    if favorites.created_at is None:
        raise UsageError(f"--backtest {number}: the favorites have no times", hint="Evaluate without --backtest.")
    times = favorites.created_at[favorites.timed]
    cuts = [cut_time(times, share * left / number) for left in range(number, 0, -1)]
    found = sorted({cut for cut in cuts if cut is not None})
    if number < 1 or len(found) < number:
        raise UsageError(
            f"--backtest {number}: the test part of the favorites has {len(found)} windows of different times",
            hint="Choose a smaller number, from 1 on.",
        )
    return found


def training_mask(favorites: FavoritesTable, train: Bools, config: LdaConfig, seed: int) -> Bools:
    """Which of the training favorites to learn from, shape (P,).

    Users and listings with too few favorites are excluded. Of a user with more than `max_user_favorites`, the latest
    are used.
    """
    per_user = np.bincount(favorites.user[train], minlength=len(favorites.user_ids))
    per_listing = np.bincount(favorites.listing[train], minlength=len(favorites.listing_ids))
    enough = (per_user >= config.min_user_favorites)[favorites.user]
    used: Bools = train & enough & (per_listing >= config.min_listing_favorites)[favorites.listing]
    large = np.flatnonzero(used & (per_user > config.max_user_favorites)[favorites.user])
    if len(large):
        user, order = favorites.user[large], _order(favorites, large, seed, by_time=favorites.created_at is not None)
        place = np.lexsort((order.tie, order.key, user))[::-1]  # the latest favorites of a user first
        of_user = np.bincount(user)
        latest = np.arange(len(place)) - (len(place) - np.cumsum(of_user))[user[place]]
        used[large[place[latest >= config.max_user_favorites]]] = False
    return used


def validation_windows(
    favorites: FavoritesTable, used: Bools, split: FavoriteSplit, config: LdaConfig, seed: int
) -> Windows:
    """Two windows of the favorites to learn from, each `valid_share` of them.

    Split by time, they are the last ones, `valid` after `weigh`; else they are parts of each user's favorites, chosen
    as the test part is.
    """
    rule = config.split if split.rule == "none" else split.rule
    if rule == "time" and favorites.created_at is not None:
        windows = _last_windows(favorites, used, config.valid_share)
        if windows is not None:
            return windows
        logger.warning("too few favorites of different times per user: settings are chosen on random favorites")
    by_time = rule == "user" and favorites.created_at is not None
    valid = _latest_of_users(favorites, used, config.valid_share, seed + 1, by_time=by_time)  # seed: not the test's
    rest = config.valid_share / (1 - config.valid_share)
    return Windows(_latest_of_users(favorites, used & ~valid, rest, seed + 1, by_time=by_time), valid)


def _last_windows(favorites: FavoritesTable, used: Bools, share: float) -> Windows | None:
    """The last two windows; None if one would be empty of users with earlier favorites."""
    times, dated = _times(favorites), used & favorites.timed
    until = cut_time(times[dated], share)
    if until is None:
        return None
    earlier = dated & (times < until)
    begin = cut_time(times[earlier], share * dated.sum() / earlier.sum())
    if begin is None:
        return None
    windows = Windows(earlier & (times >= begin), dated & (times >= until))
    base = favorites.user[used & ~windows.weigh & ~windows.valid]
    known = np.isin(np.arange(len(favorites.user_ids)), base)[favorites.user]
    return windows if all((known & part).any() for part in windows) else None


def _split_users(favorites: FavoritesTable, share: float, *, by_time: bool, seed: int) -> tuple[Bools, FavoriteSplit]:
    everything = np.ones(len(favorites.user), bool)
    held = _latest_of_users(favorites, everything, share, seed, by_time=by_time)
    split = FavoriteSplit(rule="random", share=share, min_favorites=MIN_FAVORITES, seed=seed)
    if favorites.created_at is None:
        split.note = NO_TIMES
    if by_time:
        split.note = SEES_THE_FUTURE
        timed = favorites.timed
        split.rule, split.without_time = "user", _without_time(favorites)
        split.decided_by_ties = share_decided_by_ties(favorites.user[timed], _times(favorites)[timed], held[timed])
    return held, split


def _latest_of_users(favorites: FavoritesTable, among: Bools, share: float, seed: int, *, by_time: bool) -> Bools:
    """The last `share` of each user's favorites `among` all, (P,), by time or in a random order."""
    held = np.zeros(len(favorites.user), bool)
    rows = np.flatnonzero(among & favorites.timed if by_time else among)
    if len(rows):
        held[rows] = hold_out(favorites.user[rows], _order(favorites, rows, seed, by_time=by_time), share)
    return held


def _order(favorites: FavoritesTable, rows: I64, seed: int, *, by_time: bool) -> Order:
    """The order of these favorites within their users: by time and, if equal, random, or only random."""
    if not by_time:
        return Order(_random(favorites, rows, seed), np.zeros(len(rows), np.int64))
    times, tie = _times(favorites)[rows], np.zeros(len(rows), np.int64)
    equal = tied(favorites.user[rows], times)
    tie[equal] = _random(favorites, rows[equal], seed)
    return Order(times, tie)


def _random(favorites: FavoritesTable, rows: I64, seed: int) -> I64:
    ids = (favorites.user_ids, favorites.user), (favorites.listing_ids, favorites.listing)
    users, listings = (names.cast(pa.large_string()).take(pa.array(index[rows])) for names, index in ids)
    return random_key(users.to_pylist(), listings.to_pylist(), seed)


def _times(favorites: FavoritesTable) -> I64:
    if favorites.created_at is None:
        raise ValueError("the favorites have no times")
    return favorites.created_at


def _without_time(favorites: FavoritesTable) -> int:
    """The number of favorites without a time in a table with times."""
    return 0 if favorites.created_at is None else int((~favorites.timed).sum())
