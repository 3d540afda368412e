"""The listings table with tokenized titles and tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from etsyml_cli.core.errors import DataError
from etsyml_cli.io.tables import read_table
from etsyml_cli.text.language import Plurals, tokenizer_for
from etsyml_cli.text.tokenize import Tokenizer, Words

LISTING_COLUMNS = ["listing_id", "title", "tags", "shop_id"]


@dataclass(frozen=True)
class Listings:
    """I listings: ids, titles, words of titles and tags by `tokenize`, and shops ("" if unknown)."""

    ids: list[str]
    titles: list[str]
    title_words: list[Words]
    tag_words: list[Words]
    shops: list[str]
    tokenize: Tokenizer

    def take(self, rows: Sequence[int]) -> Listings:
        """The listings of these rows, in this order."""
        return Listings(
            [self.ids[row] for row in rows],
            [self.titles[row] for row in rows],
            [self.title_words[row] for row in rows],
            [self.tag_words[row] for row in rows],
            [self.shops[row] for row in rows],
            self.tokenize,
        )

    def with_unknown(self, ids: list[str]) -> Listings:
        """Append listings of which only the ids are known."""
        n = len(ids)
        return Listings(
            [*self.ids, *ids],
            [*self.titles, *[""] * n],
            [*self.title_words, *[[]] * n],
            [*self.tag_words, *[[]] * n],
            [*self.shops, *[""] * n],
            self.tokenize,
        )


def read_listings(path: Path, plurals: Plurals) -> Listings:
    """Read all listings of the table; `auto` is decided by their titles. Raises DataError if the table is empty."""
    table = read_table(path, "listings", LISTING_COLUMNS)
    if table.num_rows == 0:
        raise DataError(f"{path}: the listings table is empty")
    return listings_of(table, tokenizer_for(plurals, table["title"].to_pylist()))


def listings_of(table: pa.Table, tokenize: Tokenizer) -> Listings:
    """The listings in a table with the columns LISTING_COLUMNS."""
    titles = [title or "" for title in table["title"].to_pylist()]
    tags = [" ".join(filter(None, tags or [])) for tags in table["tags"].to_pylist()]
    shops = [shop or "" for shop in table["shop_id"].to_pylist()]
    title_words, tag_words = ([*map(tokenize, texts)] for texts in (titles, tags))
    return Listings(table["listing_id"].to_pylist(), titles, title_words, tag_words, shops, tokenize)


def shown_listings(listings: Listings, shown_ids: list[str]) -> Listings:
    """The listings with these ids, in this order; listings that are not in the table have no words."""
    row_of = {listing_id: row for row, listing_id in enumerate(listings.ids)}
    unknown = [listing_id for listing_id in shown_ids if listing_id not in row_of]
    if unknown:
        row_of |= {listing_id: row for row, listing_id in enumerate(unknown, start=len(listings.ids))}
        listings = listings.with_unknown(unknown)
    return listings.take([row_of[listing_id] for listing_id in shown_ids])
