"""Draw a sample marketplace at two sizes: rows per CPU-second, peak memory, and a second run with the same bytes.

The reference is gzip at the same level on the same logs. Memory must not grow with the rows. Sizes in approximate log
rows: `python -m benchmarks sample`, or `python -m benchmarks.sample 2000000 20000000`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import cost_of, cpu_s_an_item, etsyml
from etsyml_cli.io.artifact import read_manifest

SIZES = (200_000, 2_000_000)
LISTINGS = 300
FEW_PHOTOS, MANY_PHOTOS = 20, 420
GOAL_MB = 250

GZIP = """
import gzip, os, shutil, sys
for path in sys.argv[1:]:
    with gzip.open(path) as log, gzip.open(os.devnull, "wb", compresslevel=6) as again:
        shutil.copyfileobj(log, again)
"""


def market(out: Path, listings: int, rows: int) -> list[str]:
    """Draw about `rows` log rows: six in ten are ads, three are on result pages, one is a favorite."""
    counts = {"impressions": rows * 6 // 10, "searches": rows // 44}
    settings = [part for name, count in counts.items() for part in ("--set", f"{name}={count}")]
    users = str(max(1, rows // 300))
    return etsyml("sample-data", "--out", str(out), "--listings", str(listings), "--users", users, *settings)


def measure(rows: int, folder: Path) -> None:
    one, other = folder / "one", folder / "other"
    started = time.perf_counter()
    ours = cost_of(market(one, LISTINGS, rows))
    wall_s = time.perf_counter() - started
    cost_of(market(other, LISTINGS, rows))
    manifest = read_manifest(one)
    if manifest.outputs != read_manifest(other).outputs:
        sys.exit(f"{rows:,} rows: the second run wrote different bytes")
    gzip = cost_of([sys.executable, "-c", GZIP, str(one / "searches.tsv.gz"), str(one / "impressions.csv.gz")])
    drawn = sum(manifest.rows.values()) - LISTINGS
    print(
        f"{drawn:>11,} rows: {wall_s:>6.1f} s, {ours.cpu_s:>6.1f} CPU-s, {drawn / ours.cpu_s:>8,.0f} rows/CPU-s,"
        f" {ours.peak_mb:.0f} MB (goal < {GOAL_MB}); a second run: the same bytes;"
        f" gzip alone {gzip.cpu_s:.1f} CPU-s, {gzip.cpu_s / ours.cpu_s:.2f} of etsyml's time"
    )


def photos(folder: Path) -> None:
    draw = {"photo": lambda n: market(folder / str(n), n, rows=0)}
    cost = cpu_s_an_item(draw, FEW_PHOTOS, MANY_PHOTOS, runs=1)["photo"]
    print(f"per photo: {1000 * cost:.1f} CPU-ms, drawn on all cores")


def main(sizes: tuple[int, ...] = SIZES) -> None:
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure(rows, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        photos(Path(folder))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
