"""Titles, words and shops of a style model's listings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.tables import read_table
from etsyml_cli.personalization.store import SHOPS, LdaModel
from etsyml_cli.text.language import tokenizer_for
from etsyml_cli.text.listings import LISTING_COLUMNS, listings_of


class Groups(NamedTuple):
    """Names of G words or shops, and which of I listings have each: (I, G), of 0 and 1."""

    names: list[str]
    members: sparse.csr_matrix


class Catalog(NamedTuple):
    """Titles of I listings ("" if there is none), their words and shops."""

    titles: list[str]
    words: Groups
    shops: Groups


def read_catalog(directory: Path, model: LdaModel, listings: Path | None) -> Catalog:
    """Read the listings of the model in `directory` from the table.

    Without a table, there are only the model's titles, if any; with a model of shops, nothing. Raises DataError if the
    table has none of the model's listings.
    """
    ids = model.listing_ids
    titles = [title or "" for title in model.titles] or [""] * len(ids)
    empty = groups_of([[]] * len(ids))
    if model.things == SHOPS:
        logger.warning("%s: a model of shops, so its styles are shown without words", directory)
        return Catalog(titles, empty, empty)
    if listings is None:
        logger.warning("no listings table: styles are shown without words and shops")
        return Catalog(titles, empty, empty)
    table = read_table(listings, "listings", LISTING_COLUMNS)
    check_join(Ids("listings of the model", directory, ids), Ids("listings", listings, table["listing_id"]))
    row = pc.index_in(pa.array(ids, pa.string()), value_set=table["listing_id"].combine_chunks())
    rows = listings_of(table.take(row), tokenizer_for("auto", table["title"].to_pylist()))
    return Catalog(
        [title or trained for title, trained in zip(rows.titles, titles, strict=True)],
        groups_of([{*title, *tags} for title, tags in zip(rows.title_words, rows.tag_words, strict=True)]),
        groups_of([[shop] if shop else [] for shop in rows.shops]),
    )


def groups_of(of_listings: Sequence[set[str] | list[str]]) -> Groups:
    """The groups of I listings; each listing names a group at most once."""
    names = sorted({name for of_one in of_listings for name in of_one})
    column = {name: index for index, name in enumerate(names)}
    ptr = np.cumsum([0, *map(len, of_listings)])
    columns = np.fromiter((column[name] for of_one in of_listings for name in of_one), np.int64, ptr[-1])
    return Groups(names, sparse.csr_matrix((np.ones(len(columns)), columns, ptr), (len(of_listings), len(names))))
