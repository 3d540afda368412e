"""What is known of a style model's listings beside their ids: titles, words, shops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.io.tables import read_table
from etsyml_cli.personalization.store import LdaModel
from etsyml_cli.text.listings import LISTING_COLUMNS, listings_of


class Groups(NamedTuple):
    """Names of G words or shops, and which of I listings each has: (I, G), of 0 and 1."""

    names: list[str]
    members: sparse.csr_matrix


class Catalog(NamedTuple):
    """Titles of I listings ("" where there is none), their words and shops."""

    titles: list[str]
    words: Groups
    shops: Groups


def read_catalog(model: LdaModel, listings: Path | None) -> Catalog:
    """The model's listings as the table has them; without a table there are the model's titles, if any."""
    ids = model.listing_ids
    titles = [title or "" for title in model.titles] or [""] * len(ids)
    nothing = groups_of([[]] * len(ids))
    if listings is None:
        logger.warning("no listings table: styles come without words and shops")
        return Catalog(titles, nothing, nothing)
    table = read_table(listings, "listings", LISTING_COLUMNS)
    row = pc.index_in(pa.array(ids, pa.string()), value_set=table["listing_id"].combine_chunks())
    if row.null_count:
        logger.warning("%s: lacks %d of the model's %d listings: no words", listings, row.null_count, len(ids))
    found = listings_of(table.take(row))
    return Catalog(
        [there or learned for there, learned in zip(found.titles, titles, strict=True)],
        groups_of([{*title, *tags} for title, tags in zip(found.title_words, found.tag_words, strict=True)]),
        groups_of([[shop] if shop else [] for shop in found.shops]),
    )


def groups_of(of_listings: Sequence[set[str] | list[str]]) -> Groups:
    """The groups that I listings are in, each named at most once by a listing."""
    names = sorted({name for of_one in of_listings for name in of_one})
    column = {name: place for place, name in enumerate(names)}
    ptr = np.cumsum([0, *map(len, of_listings)])
    columns = np.fromiter((column[name] for of_one in of_listings for name in of_one), np.int64, ptr[-1])
    return Groups(names, sparse.csr_matrix((np.ones(len(columns)), columns, ptr), (len(of_listings), len(names))))
