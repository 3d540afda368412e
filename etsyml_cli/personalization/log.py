"""The favorites table as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.days import MICROSECONDS_PER_DAY
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.io.tables import read_table
from etsyml_cli.personalization.config import LdaConfig

PAIR = ["user_id", "listing_id"]
NO_TIME = np.iinfo(np.int64).min  # before all times
LEAST_WEIGHT = 2.0**-20  # of an old favorite: sums of smaller weights underflow, and there is nothing to learn from


@dataclass(frozen=True)
class FavoritesTable:
    """P favorites: ids in byte order, and the user and listing index of each favorite."""

    user_ids: pa.Array
    listing_ids: pa.Array
    user: I64
    listing: I64
    created_at: I64 | None  # microseconds, NO_TIME for a favorite without a time; None if all are without
    weight: F64 | None  # None if weights are not used; NaN for a missing weight

    @property
    def timed(self) -> Bools:
        """Which favorites have a time, (P,)."""
        return np.zeros(len(self.user), bool) if self.created_at is None else self.created_at != NO_TIME


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
        None if times.null_count == len(times) else pc.fill_null(times.cast(pa.int64()), NO_TIME).to_numpy(),
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
        timed = favorites.timed[kept]
        first = np.full(len(pairs), np.iinfo(np.int64).max)
        np.minimum.at(first, number[timed], favorites.created_at[kept][timed])
        first[np.bincount(number[timed], minlength=len(pairs)) == 0] = NO_TIME
    user, of_shop = np.divmod(pairs, len(shop_ids))
    weights = np.bincount(number, weights=weight).astype(np.float64)
    return FavoritesTable(favorites.user_ids, shop_ids, user, of_shop, first, weights)


def weights_of(favorites: FavoritesTable, ages: F64 | None, config: LdaConfig) -> F64:
    """The weight of each favorite, shape (P,). Raises DataError if half_life_days needs missing times."""
    weight = np.ones(len(favorites.user)) if favorites.weight is None else favorites.weight
    if config.half_life_days is None:
        return weight
    if ages is None:
        raise DataError(
            "half_life_days: the favorites have no created_at", hint="Train with --set half_life_days=null."
        )
    halved: F64 = weight * np.maximum(0.5 ** (ages / config.half_life_days), LEAST_WEIGHT)
    return halved


def ages_of(favorites: FavoritesTable, used: Bools) -> F64 | None:
    """Days from each favorite to the newest of those `used`, at least 0, all (P,); None without times.

    The newest is the 99% quantile, but never the last of several times: otherwise a few times in the future, due to a
    wrong clock, would make all favorites old. A favorite without a time has the median age.
    """
    if favorites.created_at is None:
        return None
    times = favorites.created_at[used & favorites.timed]
    if not len(times):
        return np.zeros(len(favorites.user))
    newest, middle = (int(np.quantile(times, q, method="lower")) for q in (0.99, 0.5))
    times = np.where(favorites.timed, favorites.created_at, middle)
    return np.asarray(np.maximum(newest - times, 0) / MICROSECONDS_PER_DAY)


def _indices(column: pa.ChunkedArray, ids: pa.Array) -> I64:
    indices: I64 = pc.index_in(column, ids).to_numpy().astype(np.int64)
    return indices
