"""The listings of a catalog with their words, as read from the listings table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.io.tables import read_table
from etsyml_cli.text.words import Words, tokenize

LISTING_COLUMNS = ["listing_id", "title", "tags", "shop_id"]


@dataclass(frozen=True)
class Listings:
    """I listings: ids, titles, the words of titles and tags, and shops ("" where there is none)."""

    ids: list[str]
    titles: list[str]
    title_words: list[Words]
    tag_words: list[Words]
    shops: list[str]

    def take(self, rows: Sequence[int]) -> Listings:
        """The listings of these rows, in that order."""
        return Listings(
            [self.ids[row] for row in rows],
            [self.titles[row] for row in rows],
            [self.title_words[row] for row in rows],
            [self.tag_words[row] for row in rows],
            [self.shops[row] for row in rows],
        )

    def and_wordless(self, ids: list[str]) -> Listings:
        """These listings, then others of which nothing but the id is known."""
        n = len(ids)
        return Listings(
            [*self.ids, *ids],
            [*self.titles, *[""] * n],
            [*self.title_words, *[[]] * n],
            [*self.tag_words, *[[]] * n],
            [*self.shops, *[""] * n],
        )


def read_listings(path: Path) -> Listings:
    """All listings of the table. Raises DataError where there are none."""
    table = read_table(path, "listings", LISTING_COLUMNS)
    if table.num_rows == 0:
        raise DataError(f"{path}: the listings table is empty")
    return listings_of(table)


def listings_of(table: pa.Table) -> Listings:
    """The listings of a table with LISTING_COLUMNS."""
    titles = [title or "" for title in table["title"].to_pylist()]
    tags = [" ".join(filter(None, tags or [])) for tags in table["tags"].to_pylist()]
    shops = [shop or "" for shop in table["shop_id"].to_pylist()]
    return Listings(table["listing_id"].to_pylist(), titles, [*map(tokenize, titles)], [*map(tokenize, tags)], shops)


def shown_listings(listings: Listings, shown_ids: list[str]) -> Listings:
    """The listings with these ids, in this order; one that the table does not know has no words."""
    row_of = {listing_id: row for row, listing_id in enumerate(listings.ids)}
    unknown = [listing_id for listing_id in shown_ids if listing_id not in row_of]
    if unknown:
        logger.warning("%d shown listings are not in the listings table (%s ...)", len(unknown), unknown[0])
        row_of |= {listing_id: row for row, listing_id in enumerate(unknown, start=len(listings.ids))}
        listings = listings.and_wordless(unknown)
    return listings.take([row_of[listing_id] for listing_id in shown_ids])
