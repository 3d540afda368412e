"""Ingest JSON Lines: rows per CPU-second of the process and its peak memory, compared with a plain json.loads loop.

Each file is ingested at two sizes: memory must not grow with it. One row in a thousand is invalid and must be rejected.
Sizes in rows: `python -m benchmarks ingest`, or `python -m benchmarks.ingest 1000000 10000000`.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import cost_of, etsyml

SIZES = (200_000, 2_000_000)
GOAL_ROWS_A_CPU_SECOND = 250_000
GOAL_MB = 500
ROWS_A_BAD_ONE = 1_000

JSON_LOADS = "import json, sys\nfor line in open(sys.argv[1], encoding='utf-8'): json.loads(line)"
WORDS = ("linen", "dress", "oak", "table", "silver", "ring", "wool", "scarf", "vintage", "lamp", "mug", "print")

Row = dict[str, object]


def impressions(n: int) -> Iterator[Row]:
    """Promoted-listing impressions over 30 days, 4.5% clicked; each invalid one has a position of 0."""
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
            "position": draw.randrange(1, 11) if i % ROWS_A_BAD_ONE else 0,
            "price": round(draw.lognormvariate(3, 0.7), 2),
            "bid": round(draw.uniform(0.05, 0.9), 2),
            "clicked": int(draw.random() < 0.045),
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


def measure(table: str, n: int, folder: Path) -> None:
    log, out = folder / f"{table}.jsonl", folder / f"{table}.parquet"
    with log.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in TABLES[table](n))
    loop = cost_of([sys.executable, "-c", JSON_LOADS, str(log)])
    ours = cost_of(etsyml("ingest", table, str(log), "--out", str(out), "--force"))
    rejects = len(out.with_name(f"{table}.rejects.jsonl").read_bytes().splitlines())
    if rejects != -(-n // ROWS_A_BAD_ONE):
        sys.exit(f"{table}: {rejects:,} rejects of {n:,} rows")
    print(
        f"{table:12} {n:>10,} rows {log.stat().st_size / 1e6:>6.0f} MB:"
        f" {n / ours.cpu_s:>8,.0f} rows/CPU-s (goal {GOAL_ROWS_A_CPU_SECOND:,}),"
        f" {ours.peak_mb:.0f} MB (goal < {GOAL_MB});"
        f" json.loads alone {n / loop.cpu_s:,.0f} rows/CPU-s, {loop.cpu_s / ours.cpu_s:.2f} of etsyml's time"
    )


def main(sizes: tuple[int, ...] = SIZES) -> None:
    for table in TABLES:
        for n in sizes:
            with tempfile.TemporaryDirectory() as folder:
                measure(table, n, Path(folder))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
