"""What the three stages of search ranking read, as arrays: listing words, logged result pages, photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.features.text import Words, tokenize
from etsyml_cli.ingest.split import days_of
from etsyml_cli.io.schema import EVENTS
from etsyml_cli.io.tables import read_table

Ints = NDArray[np.int64]

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


@dataclass(frozen=True)
class SearchLog:
    """Q logged result pages of N rows; page q is rows `offsets[q]:offsets[q + 1]`.

    search_ids, queries, days (None where a page has no time): one a page. listing, position, level: one a row;
    `listing` counts into `listing_ids`.
    """

    search_ids: list[str]
    queries: list[str]
    days: Ints | None
    offsets: Ints
    listing_ids: list[str]
    listing: Ints
    position: Ints
    level: NDArray[np.int8]

    def take(self, pages: NDArray[np.bool_]) -> SearchLog:
        """The log of these pages only, with the listings that they show."""
        sizes = np.diff(self.offsets)
        rows = np.repeat(pages, sizes)
        shown, listing = np.unique(self.listing[rows], return_inverse=True)
        return SearchLog(
            search_ids=[self.search_ids[q] for q in np.flatnonzero(pages)],
            queries=[self.queries[q] for q in np.flatnonzero(pages)],
            days=None if self.days is None else self.days[pages],
            offsets=np.concatenate([[0], np.cumsum(sizes[pages])]),
            listing_ids=[self.listing_ids[i] for i in shown],
            listing=listing.astype(np.int64),
            position=self.position[rows],
            level=self.level[rows],
        )

    def divided(self, part: NDArray[np.int8]) -> tuple[SearchLog, NDArray[np.int8]]:
        """The rows of each part, `part` has shape (N,), as pages of their own; and the part of each such page."""
        page = self.page_of_row()
        order = np.lexsort((part, page))
        page, part = page[order], part[order]
        starts = np.flatnonzero((np.diff(page, prepend=-1) != 0) | (np.diff(part, prepend=-1) != 0))
        log = replace(
            self,
            search_ids=[self.search_ids[q] for q in page[starts]],
            queries=[self.queries[q] for q in page[starts]],
            days=None if self.days is None else self.days[page[starts]],
            offsets=np.append(starts, len(order)),
            listing=self.listing[order],
            position=self.position[order],
            level=self.level[order],
        )
        return log, part[starts]

    def page_of_row(self) -> Ints:
        """The page of each row, shape (N,)."""
        return np.repeat(np.arange(len(self.search_ids)), np.diff(self.offsets))


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


def read_searches(path: Path, limit: int | None = None) -> SearchLog:
    """The logged pages as they begin in the table, all or the first `limit`. Raises DataError where there are none."""
    columns = ["search_id", "query", "listing_id", "position", "event", "created_at"]
    table = read_table(path, "searches", columns)
    if table.num_rows == 0:
        raise DataError(f"{path}: the searches table is empty")
    searches = table["search_id"].combine_chunks().dictionary_encode()
    page = searches.indices.to_numpy()
    order = np.argsort(page, kind="stable")
    if limit is not None:
        order = order[page[order] < limit]
    table = table.take(order)
    sizes = np.bincount(page[order])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    listings = table["listing_id"].combine_chunks().dictionary_encode()
    first_rows = table.take(offsets[:-1])
    return SearchLog(
        search_ids=searches.dictionary.to_pylist()[: len(sizes)],
        queries=first_rows["query"].to_pylist(),
        days=_days(first_rows["created_at"]),
        offsets=offsets,
        listing_ids=listings.dictionary.to_pylist(),
        listing=listings.indices.to_numpy().astype(np.int64),
        position=table["position"].to_numpy().astype(np.int64),
        level=pc.index_in(table["event"], pa.array(EVENTS)).to_numpy().astype(np.int8),
    )


def shown_listings(listings: Listings, shown_ids: list[str]) -> Listings:
    """The listings with these ids, in this order; one that the table does not know has no words."""
    row_of = {listing_id: row for row, listing_id in enumerate(listings.ids)}
    unknown = [listing_id for listing_id in shown_ids if listing_id not in row_of]
    if unknown:
        logger.warning("%d shown listings are not in the listings table (%s ...)", len(unknown), unknown[0])
        row_of |= {listing_id: row for row, listing_id in enumerate(unknown, start=len(listings.ids))}
        listings = listings.and_wordless(unknown)
    return listings.take([row_of[listing_id] for listing_id in shown_ids])


def _days(created_at: pa.ChunkedArray) -> Ints | None:
    if created_at.null_count:
        return None
    return days_of(created_at.cast(pa.int64()).to_numpy())
