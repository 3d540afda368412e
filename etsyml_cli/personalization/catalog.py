"""Shops, owners and sold-out listings of a style model, from the listings table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.personalization.store import LdaModel

Listings = NDArray[np.int32]


@dataclass(frozen=True)
class CatalogSnapshot:
    """The current state of the I listings of a model.

    shop: (I,), the number of each listing's shop, or -1. excluded: the sold-out listings, and others that nobody gets.
    owned: the listings of each user. In a model of shops, the listings are shops.
    """

    shop: NDArray[np.int64]
    excluded: Listings
    owned: Mapping[str, Listings]

    def without(self, listings: Listings) -> CatalogSnapshot:
        """The same with these listings excluded too."""
        return replace(self, excluded=np.union1d(self.excluded, listings).astype(np.int32))

    def owned_by(self, user_id: str) -> Listings:
        return self.owned.get(user_id, np.empty(0, np.int32))


def read_snapshot(directory: Path, model: LdaModel, listings: Path | None) -> CatalogSnapshot:
    """Read the current state of the model in `directory` from the listings table; without a table it is empty.

    Raises DataError if the table has none of the model's listings or shops.
    """
    n = len(model.listing_ids)
    empty = CatalogSnapshot(np.full(n, -1, np.int64), np.empty(0, np.int32), {})
    if listings is None:
        return empty
    from etsyml_cli.io.joins import Ids, check_join
    from etsyml_cli.io.tables import read_table

    table = read_table(listings, "listings", ["listing_id", "shop_id", "owner_id", "quantity"])
    column = {name: table[name].to_pylist() for name in table.column_names}
    id_column, what = {"listings": ("listing_id", "listings"), "shops": ("shop_id", "shops of listings")}[model.things]
    learned = Ids(f"{model.things} of the model", directory, model.listing_ids)
    check_join(learned, Ids(what, listings, table[id_column]))
    index_of = {listing_id: i for i, listing_id in enumerate(model.listing_ids)}
    indices = [index_of.get(name, -1) for name in column[id_column]]
    owned: dict[str, set[int]] = {}
    for i, owner in zip(indices, column["owner_id"], strict=True):
        if i >= 0 and owner is not None:
            owned.setdefault(owner, set()).add(i)
    owners = {owner: np.array(sorted(own), np.int32) for owner, own in owned.items()}
    if model.things == "shops":
        return CatalogSnapshot(empty.shop, empty.excluded, owners)
    number_of = {shop: number for number, shop in enumerate(dict.fromkeys(filter(None, column["shop_id"])))}
    shop = empty.shop.copy()
    for i, name in zip(indices, column["shop_id"], strict=True):
        if i >= 0 and name is not None:
            shop[i] = number_of[name]
    sold_out = [i for i, left in zip(indices, column["quantity"], strict=True) if i >= 0 and left == 0]
    return CatalogSnapshot(shop, np.array(sorted(sold_out), np.int32), owners)


def shops_of(directory: Path, model: LdaModel, listings: Path) -> NDArray[np.int32]:
    """The number of each listing's shop, (I,); a listing without a shop gets a number of its own.

    Raises InputError if the `listings` table is missing, DataError if none of the model's listings is in it or has a
    shop.
    """
    shop = read_snapshot(directory, model, listings).shop
    no_shop = shop < 0
    if no_shop.all():
        hint = "Ingest the listings with a shop column, for example --map shop_id=brand."
        raise DataError(f"{listings}: none of the favorited listings has a shop_id", hint=hint)
    if no_shop.any():
        logger.warning("%s: %d of %d favorited listings have no shop", listings, no_shop.sum(), len(no_shop))
    return np.where(no_shop, shop.max() + 1 + np.arange(len(no_shop)), shop).astype(np.int32)
