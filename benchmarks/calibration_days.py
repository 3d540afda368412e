"""The ensemble's calibration with and without a small last training day, which must not change predictions.

`python -m benchmarks calibration_days` takes minutes. In the sample data 2017-05-29, the last day before the test, is
cut to a few rows. Each ratio should be between .97 and 1.03.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import etsyml

SAMPLE = Path(__file__).parents[1] / "sample_data"
LAST = "2017-05-29"
DAYS = [(0, 1), (0, 4), (0, 40), (1, 0), (1, 3), (1, 20), (1, 99), (2, 2), (2, 30), (3, 1)]  # clicks, other rows
DAYS += [(3, 17), (3, 60), (4, 96), (5, 15), (5, 95), (6, 120), (8, 92), (8, 160), (10, 30), (10, 190)]

Row = dict[str, str]


def main() -> None:
    with gzip.open(SAMPLE / "impressions.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    without = calibration_with(rows, 0, 0)
    print(f"without the day: calibration {without:.4f}\n clicks  other rows  calibration  ratio")
    ratios = []
    for clicks, others in DAYS:
        found = calibration_with(rows, clicks, others)
        ratios.append(found / without)
        print(f"{clicks:7}{others:12}{found:13.4f}{ratios[-1]:7.3f}", flush=True)
    inside = sum(0.97 <= ratio <= 1.03 for ratio in ratios)
    print(f"{inside} of {len(DAYS)} between .97 and 1.03; lowest {min(ratios):.3f}, highest {max(ratios):.3f}")


def calibration_with(rows: list[Row], clicks: int, others: int) -> float:
    """The ensemble's calibration on the test day if the last training day has this many rows."""
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "impressions.csv"
        write_log(log, rows, clicks, others)
        run(scratch, "ingest", "impressions", str(log))
        run(scratch, "ingest", "listings", str(SAMPLE / "listings.csv"))
        run(scratch, "train", "ctr")
        judged = json.loads(run(scratch, "evaluate", "--model", "ctr", "--metric", "calibration", "--json"))
    return next(
        m["value"] for m in judged["evaluations"][0]["metrics"] if (m["variant"], m["slice"]) == ("ensemble", "mixed")
    )


def write_log(path: Path, rows: list[Row], clicks: int, others: int) -> None:
    of_day = [row for row in rows if row["created_at"].startswith(LAST)]
    kept = [row for row in of_day if row["clicked"] == "1"][:clicks]
    kept += [row for row in of_day if row["clicked"] == "0"][:others]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if not row["created_at"].startswith(LAST))
        writer.writerows(kept)


def run(workspace: str, *arguments: str) -> str:
    command = etsyml("-w", f"{workspace}/work", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
