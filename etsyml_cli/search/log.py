"""The log of search result pages as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.core.days import days_of
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import I64
from etsyml_cli.io.schema import EVENTS
from etsyml_cli.io.tables import read_table


@dataclass(frozen=True)
class SearchLog:
    """Q logged result pages of N rows; page q is rows `offsets[q]:offsets[q + 1]`.

    search_ids, queries and days (None if a page has no time) have one entry per page; listing, position and level one
    per row. `listing` are indices into `listing_ids`.
    """

    search_ids: list[str]
    queries: list[str]
    days: I64 | None
    offsets: I64
    listing_ids: list[str]
    listing: I64
    position: I64
    level: NDArray[np.int8]

    def take(self, pages: NDArray[np.bool_]) -> SearchLog:
        """The log of the pages in the mask `pages`, (Q,), with the listings on them."""
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

    def split_by_seller(self, part: NDArray[np.int8]) -> tuple[SearchLog, NDArray[np.int8]]:
        """The log with each page divided by `part`, the set of each row, (N,); and the set of each new page."""
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

    def page_of_row(self) -> I64:
        """The page of each row, shape (N,)."""
        return np.repeat(np.arange(len(self.search_ids)), np.diff(self.offsets))


def read_searches(path: Path, limit: int | None = None) -> SearchLog:
    """The logged pages in the order of the table, all or the first `limit`. Raises DataError if the table is empty."""
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


def _days(created_at: pa.ChunkedArray) -> I64 | None:
    if created_at.null_count:
        return None
    return days_of(created_at.cast(pa.int64()).to_numpy())
