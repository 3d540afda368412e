"""The part of the log that each result page is in: whole pages by day, id or query; by seller the rows of a page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.search.log import SearchLog
from etsyml_cli.splits.pages import PageSplit, assign_sets
from etsyml_cli.text.listings import Listings

BY_SELLER = "seller"


def assign_split(log: SearchLog, split: PageSplit, by: str, catalog: Listings) -> tuple[SearchLog, NDArray[np.int8]]:
    """The log's pages and the part of each, shape (Q,).

    A split by seller divides a page into one for each part: the rows of that part's sellers.
    """
    if by == BY_SELLER:
        return log.split_by_seller(assign_sets(split, _sellers(log.listing_ids, catalog), None)[log.listing])
    return log, assign_sets(split, log.queries if by == "query" else log.search_ids, log.days)


def _sellers(listing_ids: list[str], catalog: Listings) -> list[str]:
    """The shop of each listing; one without shop, or that the table does not know, is its own seller."""
    shop_of = dict(zip(catalog.ids, catalog.shops, strict=True))
    return [shop_of.get(listing_id) or listing_id for listing_id in listing_ids]
