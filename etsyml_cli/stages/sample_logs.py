"""Write the logs of a sample marketplace slice by slice, each beside its truth; memory stays flat."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from etsyml_cli.core.log import progress
from etsyml_cli.io.schema import EVENTS
from etsyml_cli.io.truth import SCHEMAS, truth_writer
from etsyml_cli.sample.ads import draw_impressions
from etsyml_cli.sample.favorites import draw_favorites
from etsyml_cli.sample.rows import cells, flags, ids, join_rows, json_rows, times
from etsyml_cli.sample.searches import draw_searches
from etsyml_cli.sample.world import World

SEARCH_COLUMNS = ("search_id", "user_id", "query", "listing_id", "position", "event", "created_at")
AD_COLUMNS = (
    "created_at",
    "impression_id",
    "user_id",
    "query",
    "listing_id",
    "shop_id",
    "position",
    "price",
    "bid",
    "clicked",
    "converted",
)


def write_favorites(world: World, folder: Path) -> int:
    """`favorites.jsonl` and the users' true styles; returns the rows."""
    written = 0
    with (
        (folder / "favorites.jsonl").open("wb") as file,
        truth_writer(folder, "users") as truth,
        progress("favorites", None) as advance,
    ):
        for batch in draw_favorites(world):
            columns = {"user_id": ids("U", batch.user), "listing_id": ids("L", batch.listing)}
            file.write(json_rows(**columns, created_at=times(batch.second)))
            users = ids("U", batch.first_user + np.arange(len(batch.theta)))
            theta = list(batch.theta.astype(np.float32))
            truth.write_table(pa.table({"user_id": users, "theta": theta}, SCHEMAS["users"]))
            written += len(batch.user)
            advance(len(batch.user))
    return written


def write_searches(world: World, folder: Path) -> int:
    """`searches.tsv.gz`, one row a listing shown, and the true grades; returns the rows."""
    written = 0
    queries, events = pa.array(world.queries.text), pa.array(EVENTS)
    with (
        _gzipped(folder / "searches.tsv.gz", "\t".join(SEARCH_COLUMNS)) as file,
        truth_writer(folder, "page_grades") as truth,
        progress("search rows", None) as advance,
    ):
        for rows in draw_searches(world):
            search, listing = ids("Q", rows.search), ids("L", rows.listing)
            columns = (
                search,
                ids("U", rows.user),
                queries.take(pa.array(rows.query)),
                listing,
                cells(rows.position),
                events.take(pa.array(rows.event)),
                times(rows.second),
            )
            file.write(join_rows(*columns, delimiter="\t"))
            grades = {"search_id": search, "listing_id": listing, "grade": rows.grade.astype(np.int8)}
            truth.write_table(pa.table(grades, SCHEMAS["page_grades"]))
            written += len(rows.search)
            advance(len(rows.search))
    return written


def write_impressions(world: World, folder: Path) -> int:
    """`impressions.csv.gz`, one row an ad shown, and the true click probabilities; returns the rows."""
    written = 0
    listings, queries = world.listings, pa.array(world.queries.text)
    with (
        _gzipped(folder / "impressions.csv.gz", ",".join(AD_COLUMNS)) as file,
        truth_writer(folder, "clicks") as truth,
        progress("impressions", None) as advance,
    ):
        for rows in draw_impressions(world):
            impression = ids("I", rows.impression)
            columns = (
                times(rows.second),
                impression,
                ids("U", rows.user),
                queries.take(pa.array(rows.query)),
                ids("L", rows.listing),
                ids("S", listings.shop[rows.listing]),
                cells(rows.position),
                cells(listings.price[rows.listing]),
                cells(rows.bid),
                flags(rows.clicked),
                flags(rows.converted),
            )
            file.write(join_rows(*columns, delimiter=","))
            clicks = {"impression_id": impression, "probability": rows.probability.astype(np.float32)}
            truth.write_table(pa.table(clicks, SCHEMAS["clicks"]))
            written += len(rows.impression)
            advance(len(rows.impression))
    return written


@contextmanager
def _gzipped(path: Path, header: str) -> Iterator[gzip.GzipFile]:
    """A gzip file without name and time in it, so that equal rows are equal bytes."""
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as file:
        file.write(f"{header}\n".encode())
        yield file
