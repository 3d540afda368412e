"""Which listings of a style model are sold by the same shop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.io.tables import read_table


def shops_of(listings: Path, listing_ids: list[str]) -> NDArray[np.int32]:
    """A number for the shop of each of I listings; one without a shop has a number of its own and is like no other.

    Raises InputError where the table of `listings` is missing, DataError where none of them has a shop there.
    """
    table = read_table(listings, "listings", ["listing_id", "shop_id"]).combine_chunks()
    shop = table["shop_id"].take(pc.index_in(pa.array(listing_ids), table["listing_id"]))
    alone = shop.is_null().to_numpy()
    if alone.all():
        hint = "Ingest the listings with one, as in --map shop_id=brand."
        raise DataError(f"{listings}: none of the favorited listings has a shop_id", hint=hint)
    if alone.any():
        logger.warning("%s: %d of %d favorited listings have no shop", listings, alone.sum(), len(alone))
    number = shop.combine_chunks().dictionary_encode().indices.fill_null(0).to_numpy()
    return np.where(alone, len(alone) + np.arange(len(alone)), number).astype(np.int32)
