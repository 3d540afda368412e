"""Ingest JSON Lines, CSV and Parquet: rows per CPU-second of the process and its peak memory.

Each file is ingested at two sizes: memory must not grow with it. One row in a thousand is invalid and must be rejected.
JSON Lines are compared with a plain json.loads loop. If BASELINE is the path of another checkout, each file is also
ingested by that version, run by run.
Sizes in rows: `python -m benchmarks ingest`, or `BASELINE=../other python -m benchmarks.ingest 1000000 10000000`.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.measure import Cost, cost_of, etsyml

SIZES = (200_000, 2_000_000)
GOAL_ROWS_A_CPU_SECOND = 250_000
GOAL_MB = 500
ROWS_A_BAD_ONE = 1_000
RUNS_AGAINST_BASELINE = 5
ROWS_WRITTEN_AT_ONCE = 100_000

JSON_LOADS = "import json, sys\nfor line in open(sys.argv[1], encoding='utf-8'): json.loads(line)"
WORDS = ("linen", "dress", "oak", "table", "silver", "ring", "wool", "scarf", "vintage", "lamp", "mug", "print")

Row = dict[str, object]


def impressions(n: int) -> Iterator[Row]:
    """Promoted-listing impressions over 30 days, 4.5% clicked; each invalid one has `clicked` of 2."""
    draw = random.Random(0)
    for i in range(n):
        second = i * 30 * 86_400 // n
        day, clock = divmod(second, 86_400)
        yield {
            "impression_id": f"A{day:02}-{clock:05}-{i}",
            "created_at": f"2014-05-{day + 1:02}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}Z",
            "user_id": f"U{draw.randrange(100_000)}",
            "query": f"{draw.choice(WORDS)} {draw.choice(WORDS)}",
            "listing_id": f"L{draw.randrange(60_000)}",
            "shop_id": f"shop {draw.randrange(3_000)}",
            "position": draw.randrange(1, 11),
            "price": round(draw.lognormvariate(3, 0.7), 2),
            "bid": round(draw.uniform(0.05, 0.9), 2),
            "clicked": int(draw.random() < 0.045) if i % ROWS_A_BAD_ONE else 2,
            "converted": int(draw.random() < 0.003),
        }


def favorites(n: int) -> Iterator[Row]:
    """Pairs of user and listing with a time; each invalid one has no listing."""
    draw = random.Random(0)
    for i in range(n):
        listing = f"L{draw.randrange(10_000_000)}" if i % ROWS_A_BAD_ONE else ""
        clock = f"{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}"
        yield {"user_id": f"U{i // 30}", "listing_id": listing, "created_at": f"2014-05-01T{clock}Z"}


TABLES: dict[str, Callable[[int], Iterator[Row]]] = {"impressions": impressions, "favorites": favorites}


def write_jsonl(rows: Iterator[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def write_csv(rows: Iterator[Row], path: Path) -> None:
    tables = _tables(rows)
    first = next(tables)
    with pa.csv.CSVWriter(path, first.schema, write_options=pa.csv.WriteOptions(quoting_style="needed")) as writer:
        writer.write(first)
        for table in tables:
            writer.write(table)


def write_parquet(rows: Iterator[Row], path: Path) -> None:
    tables = _tables(rows)
    first = next(tables)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write(first)
        for table in tables:
            writer.write(table)


FORMATS: dict[str, Callable[[Iterator[Row], Path], None]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "parquet": write_parquet,
}


def measure(table: str, form: str, n: int, folder: Path) -> None:
    log, out = folder / f"{table}.{form}", folder / "out.parquet"
    FORMATS[form](TABLES[table](n), log)
    command = etsyml("ingest", table, str(log), "--out", str(out), "--force")
    ours = cost_of(command)
    rejects = len(out.with_name("out.rejects.jsonl").read_bytes().splitlines())
    if rejects != -(-n // ROWS_A_BAD_ONE):
        sys.exit(f"{table}: {rejects:,} rejects of {n:,} rows")
    print(
        f"{table:12} {form:8} {n:>10,} rows {log.stat().st_size / 1e6:>6.0f} MB:"
        f" {n / ours.cpu_s:>9,.0f} rows/CPU-s (goal {GOAL_ROWS_A_CPU_SECOND:,}),"
        f" {ours.peak_mb:.0f} MB (goal < {GOAL_MB}){_beside_json_loads(log, ours, n) if form == 'jsonl' else ''}",
        flush=True,
    )
    if baseline := os.environ.get("BASELINE"):
        _beside_baseline(command, Path(baseline).resolve())


def _beside_json_loads(log: Path, ours: Cost, n: int) -> str:
    loop = cost_of([sys.executable, "-c", JSON_LOADS, str(log)])
    return f"; json.loads alone {n / loop.cpu_s:,.0f} rows/CPU-s, {loop.cpu_s / ours.cpu_s:.2f} of etsyml's time"


def _beside_baseline(command: list[str], checkout: Path) -> None:
    """The ratio of CPU seconds of this version and of the one in `checkout`, run in turn."""
    other = ["env", f"PYTHONPATH={checkout}", command[0], "-P", *command[1:]]
    pairs = [(cost_of(command), cost_of(other)) for _ in range(RUNS_AGAINST_BASELINE)]
    ratios = sorted(ours.cpu_s / theirs.cpu_s for ours, theirs in pairs)
    print(f"    CPU beside the baseline: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def _tables(rows: Iterator[Row]) -> Iterator[pa.Table]:
    while part := list(islice(rows, ROWS_WRITTEN_AT_ONCE)):
        yield pa.Table.from_pylist(part)


def main(sizes: tuple[int, ...] = SIZES) -> None:
    for table in TABLES:
        for form in FORMATS:
            for n in sizes:
                with tempfile.TemporaryDirectory() as folder:
                    measure(table, form, n, Path(folder))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
