"""The favorites table as arrays, and the split into training and test favorites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etsyml_cli.core.days import MICROSECONDS_PER_DAY
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.atomic import sha256_of
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.tables import read_table
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.splits.users import MIN_FAVORITES, UserSplit, hold_out, random_key

PAIR = ["user_id", "listing_id"]
LEAST_WEIGHT = 2.0**-20  # of an old favorite: sums of smaller weights underflow, and there is nothing to learn from


@dataclass(frozen=True)
class FavoritesTable:
    """P favorites: ids in byte order, and the user and listing index of each favorite."""

    user_ids: pa.Array
    listing_ids: pa.Array
    user: NDArray[np.int64]
    listing: NDArray[np.int64]
    created_at: NDArray[np.int64] | None  # microseconds; None unless every favorite has a time
    weight: NDArray[np.float64] | None  # None if weights are not used; NaN for a missing weight


def read_favorites(path: Path, *, weights: bool, limit: int | None) -> FavoritesTable:
    """Read the table, or its first `limit` rows. Raises DataError if it is empty or weights are missing."""
    table = read_table(path, "favorites", [*PAIR, "created_at", "weight"]).slice(0, limit).combine_chunks()
    if table.num_rows == 0:
        raise DataError(f"{path}: the favorites table is empty", hint="Were all rows rejected when it was ingested?")
    times = table["created_at"]
    user_ids, listing_ids = (pc.unique(table[name]).sort() for name in PAIR)
    return FavoritesTable(
        user_ids,
        listing_ids,
        _indices(table["user_id"], user_ids),
        _indices(table["listing_id"], listing_ids),
        None if times.null_count else times.cast(pa.int64()).to_numpy(),
        table["weight"].to_numpy() if weights else None,
    )


def of_shops(favorites: FavoritesTable, listings: Path) -> FavoritesTable:
    """Replace each listing by its shop; a pair has the sum of the weights and the first time of its favorites.

    Raises DataError if no favorite is of a listing with a shop.
    """
    table = read_table(listings, "listings", ["listing_id", "shop_id"]).combine_chunks()
    row = pc.index_in(favorites.listing_ids, value_set=table["listing_id"].combine_chunks())
    shop_of_listing = table["shop_id"].combine_chunks().take(row)
    shop_ids = pc.unique(shop_of_listing.drop_null()).sort()
    shop = pc.fill_null(pc.index_in(shop_of_listing, value_set=shop_ids), -1).to_numpy().astype(np.int64)
    kept = shop[favorites.listing] >= 0
    if not kept.any():
        raise DataError(f"{listings}: no favorited listing has a shop_id", hint="Train without --shops.")
    if not kept.all():
        logger.warning("ignored %d favorites of listings without a shop", int((~kept).sum()))
    pair = favorites.user[kept] * len(shop_ids) + shop[favorites.listing[kept]]
    pairs, number = np.unique(pair, return_inverse=True)
    weight = np.ones(len(pair)) if favorites.weight is None else favorites.weight[kept]
    first = None
    if favorites.created_at is not None:
        first = np.full(len(pairs), np.iinfo(np.int64).max)
        np.minimum.at(first, number, favorites.created_at[kept])
    user, of_shop = np.divmod(pairs, len(shop_ids))
    weights = np.bincount(number, weights=weight).astype(np.float64)
    return FavoritesTable(favorites.user_ids, shop_ids, user, of_shop, first, weights)


def split_favorites(
    favorites: FavoritesTable, holdout: str | None, config: LdaConfig, seed: int
) -> tuple[NDArray[np.bool_], UserSplit]:
    """Which favorites are held out, shape (P,), and the rule.

    `holdout` is None (the configured share of each user's favorites), "none", a share, or a file of favorites. Raises
    UsageError if it is none of these, DataError if no pair of the file is in the table.
    """
    if holdout == "none":
        return np.zeros(len(favorites.user), bool), UserSplit(rule="none")
    share = config.holdout_share if holdout is None else _share(holdout)
    if share is None:
        return _favorites_in_file(favorites, Path(str(holdout)))
    held = hold_out(favorites.user, favorites.listing, recency_key(favorites, seed), share)
    if favorites.created_at is not None:
        return held, UserSplit(rule="latest", share=share, min_favorites=MIN_FAVORITES)
    return held, UserSplit(rule="random", share=share, min_favorites=MIN_FAVORITES, seed=seed)


def recency_key(favorites: FavoritesTable, seed: int) -> NDArray[np.int64]:
    """A key that orders each user's favorites, shape (P,): times, or random numbers if there are no times."""
    if favorites.created_at is not None:
        return favorites.created_at
    users = favorites.user_ids.cast(pa.large_string()).take(favorites.user)
    listings = favorites.listing_ids.cast(pa.large_string()).take(favorites.listing)
    return random_key(users.to_pylist(), listings.to_pylist(), seed)


def training_mask(
    favorites: FavoritesTable, train: NDArray[np.bool_], config: LdaConfig, seed: int
) -> NDArray[np.bool_]:
    """Which of the training favorites to learn from, shape (P,).

    Users and listings with too few favorites are excluded. Of a user with more than `max_user_favorites`, the latest
    are used.
    """
    per_user = np.bincount(favorites.user[train], minlength=len(favorites.user_ids))
    per_listing = np.bincount(favorites.listing[train], minlength=len(favorites.listing_ids))
    enough = (per_user >= config.min_user_favorites)[favorites.user]
    used: NDArray[np.bool_] = train & enough & (per_listing >= config.min_listing_favorites)[favorites.listing]
    large_users = np.flatnonzero(per_user > config.max_user_favorites)
    if len(large_users):
        key = recency_key(favorites, seed)
        for user in large_users:
            of_user = np.flatnonzero(used & (favorites.user == user))
            order = np.lexsort((favorites.listing[of_user], key[of_user]))
            used[of_user[order[: -config.max_user_favorites]]] = False
    return used


def validation_mask(
    favorites: FavoritesTable, used: NDArray[np.bool_], rule: str, config: LdaConfig, seed: int
) -> NDArray[np.bool_]:
    """Which of the favorites to learn from are the validation set, shape (P,).

    They are the latest of each user if the test set was split by time, else random ones, so that both sets are alike.
    """
    by_time = replace(favorites, created_at=favorites.created_at if rule in ("latest", "none") else None)
    key = recency_key(by_time, seed + 1)[used]  # independent of the random numbers of the test split
    held = np.zeros(len(favorites.user), bool)
    if used.any():
        held[used] = hold_out(favorites.user[used], favorites.listing[used], key, config.valid_share)
    return held


def weights_of(favorites: FavoritesTable, used: NDArray[np.bool_], config: LdaConfig) -> NDArray[np.float64]:
    """The weight of each favorite, shape (P,). Raises DataError if half_life_days needs missing times."""
    weight = np.ones(len(favorites.user)) if favorites.weight is None else favorites.weight
    if config.half_life_days is None:
        return weight
    if favorites.created_at is None:
        raise DataError(
            "half_life_days: the favorites have no created_at", hint="Train with --set half_life_days=null."
        )
    age = np.maximum(_newest(favorites.created_at[used]) - favorites.created_at, 0) / MICROSECONDS_PER_DAY
    halved: NDArray[np.float64] = weight * np.maximum(0.5 ** (age / config.half_life_days), LEAST_WEIGHT)
    return halved


def _newest(times: NDArray[np.int64]) -> int:
    """The time that ages are relative to: the 99% quantile, but never the last of several times.

    Otherwise a few times in the future, due to a wrong clock, would make all favorites old.
    """
    return int(np.quantile(times, 0.99, method="lower")) if len(times) else 0


def holdout_file(holdout: str | None) -> Path | None:
    """The file that `holdout` refers to, or None."""
    return None if holdout in (None, "none") or _share(holdout) is not None else Path(holdout)


def _share(holdout: str) -> float | None:
    """The share that `holdout` gives; None if it is a file. Raises UsageError if it is neither."""
    try:
        share = float(holdout)
    except ValueError:
        if Path(holdout).is_file():
            return None
        raise UsageError(f"--holdout {holdout}: expected none, a share such as 0.2, or an existing file") from None
    if not 0 < share < 1:
        raise UsageError(f"--holdout {holdout}: the share must be between 0 and 1")
    return share


def _favorites_in_file(favorites: FavoritesTable, path: Path) -> tuple[NDArray[np.bool_], UserSplit]:
    named = _read_pairs(path)
    users = pc.fill_null(pc.index_in(named["user_id"], favorites.user_ids), -1).to_numpy().astype(np.int64)
    listings = pc.fill_null(pc.index_in(named["listing_id"], favorites.listing_ids), -1).to_numpy().astype(np.int64)
    known = (users >= 0) & (listings >= 0)
    n_listings = len(favorites.listing_ids)
    pairs = np.unique(users[known] * n_listings + listings[known])
    held = np.isin(favorites.user * n_listings + favorites.listing, pairs)
    if not held.any():
        for name, ids in (("user_id", favorites.user_ids), ("listing_id", favorites.listing_ids)):
            what = f"{name} values of {path.name}"
            check_join(Ids(what, path, named[name]), Ids("favorites", Path("favorites"), ids), least=0)
        raise DataError(f"{path}: none of its {named.num_rows:,} pairs is in the favorites table")
    missing = int((~known).sum()) + len(pairs) - int(held.sum())
    source = {"name": path.name, "sha256": sha256_of(path)}
    return held, UserSplit(rule="file", file=source, not_in_favorites=missing)


def _read_pairs(path: Path) -> pa.Table:
    """Read user_id and listing_id of a CSV (optionally gzipped) or Parquet file, as text."""
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path, columns=PAIR)
        else:
            as_text = pa_csv.ConvertOptions(column_types=dict.fromkeys(PAIR, pa.string()), include_columns=PAIR)
            table = pa_csv.read_csv(path, convert_options=as_text)
        return pa.table({name: table[name].cast(pa.large_string()).combine_chunks() for name in PAIR})
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        reason = str(error).splitlines()[0]
        hint = "Give a CSV or Parquet file with the columns user_id and listing_id."
        raise InputError(f"{path}: {reason}", hint=hint) from None


def _indices(column: pa.ChunkedArray, ids: pa.Array) -> NDArray[np.int64]:
    indices: NDArray[np.int64] = pc.index_in(column, ids).to_numpy().astype(np.int64)
    return indices
