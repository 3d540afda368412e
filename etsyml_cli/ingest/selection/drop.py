"""`--drop owner,bots`: exclude events that no customer caused.

`owner`: events of the owner of a shop on its own listings. `bots`: all events of users with more than
`max_events_per_day` events on some day (UTC) of the input, with the rows that `--only` excludes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etsyml_cli.core.days import MICROSECONDS_PER_DAY
from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.config import Dropped
from etsyml_cli.ingest.selection.staged import scan
from etsyml_cli.io.schema import TableSchema
from etsyml_cli.io.sql import database
from etsyml_cli.io.tables import open_table

NEEDS = {"owner": ("user_id", "listing_id"), "bots": ("user_id", "created_at")}
ACTIVITY_SCHEMA = pa.schema([("user_id", pa.string()), ("day", pa.int64())])


@dataclass(frozen=True)
class Drop:
    """Which events to exclude: kinds, the highest number of events of a user per day, and the listings table."""

    kinds: tuple[Dropped, ...] = ()
    max_events_per_day: int = 0
    listings: Path | None = None

    def owners(self) -> Path | None:
        """The listings table if events of owners are excluded."""
        return self.listings if "owner" in self.kinds else None


def check_drop(drop: Drop, columns: dict[str, str]) -> None:
    """Raise InputError if a column is missing, or the listings table is missing or has no owners."""
    for kind in drop.kinds:
        missing = [name for name in NEEDS[kind] if name not in columns]
        if missing:
            raise InputError(
                f"--drop {kind}: missing column{'s' * (len(missing) > 1)} {', '.join(missing)}",
                hint="Name the input column: " + " ".join(f"--map {name}=COLUMN" for name in missing),
            )
    if (listings := drop.owners()) and not has_owners(listings):
        raise InputError(
            f"--drop owner: {listings} has no owner_id",
            hint="Ingest the listings again with --map owner_id=COLUMN, or leave out owner.",
        )


def has_owners(listings: Path) -> bool:
    """Whether the listings table has a column of owners. Raises InputError if it is not found."""
    return "owner_id" in open_table(listings, "listings").schema_arrow.names


def activity_of(user_id: pa.Array, created_at: pa.Array) -> pa.Table:
    """The users and the days (numbers since 1970, UTC) of N events, without those that lack one of them."""
    day = pc.divide(created_at.cast(pa.int64()), MICROSECONDS_PER_DAY)
    return pa.table([user_id, day], schema=ACTIVITY_SCHEMA).drop_null()


def count_events(
    events: pa.Table, activity: pa.Table, schema: TableSchema, drop: Drop, scratch: Path
) -> dict[str, int]:
    """The number of these events that could be dropped, by kind, as far as the columns and the listings show it."""
    kinds = [kind for kind in get_args(Dropped) if set(NEEDS[kind]) <= set(events.column_names)]
    if not _knows_owners(drop.listings):
        kinds = [kind for kind in kinds if kind != "owner"]
    pq.write_table(events, scratch / "events.parquet")
    pq.write_table(activity, scratch / "activity.parquet")
    with database(scratch) as sql:
        every = replace(drop, kinds=tuple(kinds))
        found = find_excluded(sql, scratch / "events.parquet", schema, scratch / "activity.parquet", every)
    return dict(sorted(found.items()))


def _knows_owners(listings: Path | None) -> bool:
    try:
        return listings is not None and has_owners(listings)
    except InputError:  # not ingested yet
        return False


def expect_known_listings(sql: duckdb.DuckDBPyConnection, staged: Path, schema: TableSchema, listings: Path) -> None:
    """Raise DataError if no event is of a listing of the listings table, so that owners cannot be found."""
    known = sql.read_parquet(str(listings)).select("listing_id")
    known.create_view("known")
    scan(sql, staged, schema, ["listing_id"])
    if sql.sql("SELECT 1 FROM staged JOIN known USING (listing_id) LIMIT 1").fetchall():
        return
    scan(sql, staged, schema, ["listing_id"])
    event, listing = sql.sql("SELECT listing_id FROM staged LIMIT 1").fetchall(), known.limit(1).fetchall()
    if event and listing:
        raise DataError(
            f"--drop owner: no listing of these events is in {listings}",
            hint=f"Ids must be equal in both: {event[0][0]} in the events, {listing[0][0]} in the table.",
        )


def find_excluded(
    sql: duckdb.DuckDBPyConnection, staged: Path, schema: TableSchema, activity: Path, drop: Drop
) -> Counter[str]:
    """Make the SQL table `excluded` (row of the staged table, kind), and count its rows by kind.

    An event of an owner who is also a bot counts as `owner`.
    """
    sql.execute('CREATE TEMP TABLE excluded ("row" BIGINT, kind VARCHAR)')
    if not drop.kinds:
        return Counter()
    sql.execute("CREATE TEMP TABLE owners (listing_id VARCHAR, owner_id VARCHAR)")
    sql.execute("CREATE TEMP TABLE bots (user_id VARCHAR)")
    if listings := drop.owners():
        sql.execute(
            "INSERT INTO owners SELECT listing_id, owner_id FROM read_parquet($listings) WHERE owner_id IS NOT NULL",
            {"listings": str(listings)},
        )
    if "bots" in drop.kinds:
        sql.execute(
            """INSERT INTO bots SELECT DISTINCT user_id FROM (
                   SELECT user_id FROM read_parquet($activity) GROUP BY user_id, day HAVING count(*) > $most
               )""",
            {"activity": str(activity), "most": drop.max_events_per_day},
        )
    scan(sql, staged, schema, ["listing_id", "user_id"])
    sql.execute(
        """INSERT INTO excluded
           SELECT "row", CASE WHEN owner_id IS NULL THEN 'bots' ELSE 'owner' END
           FROM staged LEFT JOIN owners ON staged.listing_id = owners.listing_id AND staged.user_id = owner_id
                       LEFT JOIN bots ON staged.user_id = bots.user_id
           WHERE owner_id IS NOT NULL OR bots.user_id IS NOT NULL"""
    )
    return Counter(dict(sql.sql("SELECT kind, count(*) FROM excluded GROUP BY kind").fetchall()))
