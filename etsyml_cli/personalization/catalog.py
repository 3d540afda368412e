"""What the listings table says of the listings that a style model knows: shops, owners, what is sold out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.personalization.store import LdaModel

Listings = NDArray[np.int32]


@dataclass(frozen=True)
class CatalogSnapshot:
    """Of the I listings of a model: a number for each's shop, (I,), or -1; those sold out; those that each user owns.

    A model of shops has shops for listings.
    """

    shop: NDArray[np.int64]
    sold_out: Listings
    owned: Mapping[str, Listings]

    def owned_by(self, user_id: str) -> Listings:
        return self.owned.get(user_id, np.empty(0, np.int32))


def read_snapshot(model: LdaModel, listings: Path | None) -> CatalogSnapshot:
    """The shelf as the table has it now; without one nothing is known."""
    n = len(model.listing_ids)
    nothing = CatalogSnapshot(np.full(n, -1, np.int64), np.empty(0, np.int32), {})
    if listings is None:
        return nothing
    from etsyml_cli.io.tables import read_table

    table = read_table(listings, "listings", ["listing_id", "shop_id", "owner_id", "quantity"])
    column = {name: table[name].to_pylist() for name in table.column_names}
    place = {listing_id: i for i, listing_id in enumerate(model.listing_ids)}
    things = [place.get(thing, -1) for thing in column["listing_id" if model.things == "listings" else "shop_id"]]
    owned: dict[str, set[int]] = {}
    for i, owner in zip(things, column["owner_id"], strict=True):
        if i >= 0 and owner is not None:
            owned.setdefault(owner, set()).add(i)
    owners = {owner: np.array(sorted(own), np.int32) for owner, own in owned.items()}
    if model.things == "shops":
        return CatalogSnapshot(nothing.shop, nothing.sold_out, owners)
    number_of = {shop: number for number, shop in enumerate(dict.fromkeys(filter(None, column["shop_id"])))}
    shop = nothing.shop.copy()
    for i, name in zip(things, column["shop_id"], strict=True):
        if i >= 0 and name is not None:
            shop[i] = number_of[name]
    sold_out = [i for i, left in zip(things, column["quantity"], strict=True) if i >= 0 and left == 0]
    return CatalogSnapshot(shop, np.array(sorted(sold_out), np.int32), owners)


def shops_of(model: LdaModel, listings: Path) -> NDArray[np.int32]:
    """A number for the shop of each of I listings; one without a shop has a number of its own and is like no other.

    Raises InputError where the table of `listings` is missing, DataError where none of them has a shop there.
    """
    shop = read_snapshot(model, listings).shop
    alone = shop < 0
    if alone.all():
        hint = "Ingest the listings with one, as in --map shop_id=brand."
        raise DataError(f"{listings}: none of the favorited listings has a shop_id", hint=hint)
    if alone.any():
        logger.warning("%s: %d of %d favorited listings have no shop", listings, alone.sum(), len(alone))
    return np.where(alone, shop.max() + 1 + np.arange(len(alone)), shop).astype(np.int32)
