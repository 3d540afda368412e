"""Write the logs of a synthetic marketplace and their ground truth, slice by slice, with constant memory."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from etsyml_cli.core.log import progress
from etsyml_cli.io.schema import EVENTS
from etsyml_cli.io.truth import SCHEMAS, truth_writer
from etsyml_cli.sample.ads import AdRows, draw_impressions
from etsyml_cli.sample.config import count_impressions
from etsyml_cli.sample.favorites import Favorites, draw_favorites
from etsyml_cli.sample.rows import cells, flags, ids, join_rows, json_rows, times, vectors
from etsyml_cli.sample.searches import SearchRows, draw_searches
from etsyml_cli.sample.slices import ROWS_AT_ONCE
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
    """Write `favorites.jsonl` and the users' true styles; return the row count."""
    written = 0
    with (
        (folder / "favorites.jsonl").open("wb") as file,
        truth_writer(folder, "users") as truth,
        progress("favorites", None) as advance,
    ):
        for batch in draw_favorites(world):
            file.writelines(_favorite_rows(batch))
            users = ids("U", batch.first_user + np.arange(len(batch.theta)))
            truth.write_table(pa.table({"user_id": users, "theta": vectors(batch.theta)}, SCHEMAS["users"]))
            written += len(batch.user)
            advance(len(batch.user))
    return written


def _favorite_rows(batch: Favorites) -> Iterator[pa.Buffer]:
    for start in range(0, len(batch.user), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        columns = {"user_id": ids("U", batch.user[rows]), "listing_id": ids("L", batch.listing[rows])}
        yield json_rows(**columns, created_at=times(batch.second[rows]))


def write_searches(world: World, folder: Path) -> int:
    """Write `searches.tsv.gz`, one row per listing shown, and the true grades; return the row count."""
    written = 0
    with (
        _open_gzip(folder / "searches.tsv.gz", "\t".join(SEARCH_COLUMNS)) as write,
        truth_writer(folder, "page_grades") as truth,
        progress("search rows", None) as advance,
    ):
        for rows in draw_searches(world):
            write(join_rows(*_search_cells(world, rows), delimiter="\t"))
            keys = {"search_id": ids("Q", rows.search), "listing_id": ids("L", rows.listing)}
            truth.write_table(pa.table({**keys, "grade": rows.grade.astype(np.int8)}, SCHEMAS["page_grades"]))
            written += len(rows.search)
            advance(len(rows.search))
    return written


def _search_cells(world: World, rows: SearchRows) -> tuple[pa.Array, ...]:
    """Cells in the order of SEARCH_COLUMNS."""
    return (
        ids("Q", rows.search),
        ids("U", rows.user),
        pa.array(world.queries.text, pa.string()).take(pa.array(rows.query)),
        ids("L", rows.listing),
        cells(rows.position),
        pa.array(EVENTS, pa.string()).take(pa.array(rows.event)),
        times(rows.second),
    )


def write_impressions(world: World, folder: Path) -> int:
    """Write `impressions.csv.gz`, one row per ad shown, and the true click probabilities; return the row count."""
    written = 0
    with (
        _open_gzip(folder / "impressions.csv.gz", ",".join(AD_COLUMNS)) as write,
        truth_writer(folder, "clicks") as truth,
        progress("impressions", count_impressions(world.config)) as advance,
    ):
        for rows in draw_impressions(world):
            write(join_rows(*_ad_cells(world, rows), delimiter=","))
            clicks = {
                "impression_id": ids("I", rows.impression),
                "probability": rows.probability.astype(np.float32),
            }
            truth.write_table(pa.table(clicks, SCHEMAS["clicks"]))
            written += len(rows.impression)
            advance(len(rows.impression))
    return written


def _ad_cells(world: World, rows: AdRows) -> tuple[pa.Array, ...]:
    """Cells in the order of AD_COLUMNS."""
    listings = world.listings
    return (
        times(rows.second),
        ids("I", rows.impression),
        ids("U", rows.user),
        pa.array(world.queries.text, pa.string()).take(pa.array(rows.query)),
        ids("L", rows.listing),
        ids("S", listings.shop[rows.listing]),
        cells(rows.position),
        cells(listings.price[rows.listing]),
        cells(rows.bid),
        flags(rows.clicked),
        flags(rows.converted),
    )


@contextmanager
def _open_gzip(path: Path, header: str) -> Iterator[Callable[[pa.Buffer], None]]:
    """Open a gzip file without name and time in its header, so that equal rows give equal bytes.

    Compression takes most of the time: it runs in a thread while the next rows are drawn.
    """
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as file,
        ThreadPoolExecutor(1) as thread,
    ):
        last = thread.submit(file.write, f"{header}\n".encode())

        def write(rows: pa.Buffer) -> None:
            nonlocal last
            last.result()
            last = thread.submit(file.write, rows)

        yield write
        last.result()
