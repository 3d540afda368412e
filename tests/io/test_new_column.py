"""A new column of a table is one line in io/schema.py, as CONTRIBUTING.md describes."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tests.package_copy import add_line, copy_package, run_in

AFTER = '            Column("currency", "text", aliases=CURRENCIES),'
COLUMN = '            Column("delivery_days", "count", aliases=("lead_time",)),'
LISTINGS = "listing_id,title,lead_time\nL1,mug,3\nL2,bowl,12\n"


def test_a_new_column_is_one_line(tmp_path: Path) -> None:
    schema = copy_package(tmp_path) / "io/schema.py"
    add_line(schema, COLUMN, after=AFTER)
    (tmp_path / "listings.csv").write_text(LISTINGS, encoding="utf-8")

    proposed = run_in(tmp_path, "ingest", "listings", "listings.csv", "--check")
    assert "--map delivery_days=lead_time" in proposed.stdout
    ingested = run_in(tmp_path, "ingest", "listings", "listings.csv", "--map", "delivery_days=lead_time")
    assert ingested.returncode == 0, ingested.stderr
    rows = pq.read_table(tmp_path / "work/tables/listings.parquet").to_pylist()
    assert {row["listing_id"]: row["delivery_days"] for row in rows} == {"L1": 3, "L2": 12}
