"""Evaluate lists of similar listings against listings that users favorited or clicked together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from scipy import sparse

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.tables import read_table
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.similar.catalog import VARIANTS
from etsyml_cli.similar.search import SimilarOptions, similar

CONTROL = "text"


def evaluate_similar(
    *, listings: Path, images: Path | None, favorites: Path | None, searches: Path | None, k: int, seed: int
) -> list[Measurement]:
    """Recall@k of each variant and of chance, over listings with related ones, and overlap@k with the control.

    Listings are related if one user favorited both or, without a favorites table, if both were clicked on one result
    page. Raises InputError if both tables are missing, DataError if no two listings are related or no listing of the
    log is in the listings table.
    """
    ids = read_table(listings, "listings", ["listing_id"])["listing_id"].combine_chunks()
    together = _together(Ids("listings", listings, ids), favorites, searches)
    variants = [name for name, blocks in VARIANTS.items() if images is not None or "image" not in blocks]
    lists = {
        name: [
            [item.id for item in one.items]
            for one in similar(
                listings=listings, images=images, listing_ids=None, options=SimilarOptions(k=k, variant=name)
            )
        ]
        for name in variants
    }
    row_of = {listing_id: row for row, listing_id in enumerate(ids.to_pylist())}
    recall: dict[str, list[float]] = {name: [] for name in [*variants, "chance"]}
    overlap: dict[str, list[float]] = {name: [] for name in variants if name != CONTROL}
    by_listing = together.T.tocsr()
    for row in range(len(ids)):
        related = set(together[by_listing[row].indices].indices.tolist()) - {row}
        if not related:
            continue
        listed = {name: {row_of[listing_id] for listing_id in lists[name][row]} for name in variants}
        for name in variants:
            recall[name].append(len(related & listed[name]) / len(related))
        for name in overlap:
            overlap[name].append(len(listed[name] & listed[CONTROL]) / k)
        recall["chance"].append(min(k / (len(ids) - 1), 1.0))
    if not recall[CONTROL]:
        raise DataError("no two listings were favorited or clicked together", hint="Use a longer log.")
    measured = compared_means(f"recall@{k}", {n: np.array(values) for n, values in recall.items()}, seed, CONTROL)
    if overlap:
        for name, values in overlap.items():  # each is a comparison already
            measured += compared_means(f"overlap@{k}", {name: np.array(values)}, seed)
    return measured


def _together(known: Ids, favorites: Path | None, searches: Path | None) -> sparse.csr_matrix:
    """The known listings that each user favorited or that were clicked on each page: sparse (groups, I) of 0 and 1."""
    if favorites is not None:
        logger.info("related: favorited by one user")
        table = read_table(favorites, "favorites", ["user_id", "listing_id"])
        check_join(Ids("listings of favorites", favorites, table["listing_id"]), known)
    elif searches is not None:
        logger.info("related: clicked on one result page")
        table = read_table(searches, "searches", ["search_id", "listing_id", "event"])
        check_join(Ids("listings of searches", searches, table["listing_id"]), known)
        table = table.filter(pc.not_equal(table["event"], "impression"))
    else:
        raise InputError("no favorites and no searches found", hint="Create one with: etsyml ingest favorites FILE")
    group = table.column(0).combine_chunks().dictionary_encode().indices.to_numpy()
    listing = pc.index_in(table["listing_id"].combine_chunks(), known.values)
    found = pc.is_valid(listing).to_numpy(zero_copy_only=False)
    column = listing.fill_null(0).to_numpy()[found]
    shape = (int(group.max(initial=-1)) + 1, len(known.values))
    return sparse.csr_matrix((np.ones(len(column), bool), (group[found], column)), shape=shape)
