"""Run the benchmarks named on the command line, or all of them."""

from __future__ import annotations

import importlib
import sys

from benchmarks.measure import NoDataError

BENCHMARKS = (
    "startup",
    "audit",
    "writers",
    "ingest",
    "fuzz_ingest",
    "sample",
    "photos",
    "neighbors",
    "search",
    "similar",
    "million",
    "new_listings",
    "personalization",
    "users",
    "ads",
    "long_text",
    "calibration_days",
)


def main(names: list[str]) -> None:
    """Run the benchmarks; the last line lists the skipped ones with reasons."""
    skipped = []
    for name in names:
        print(f"\n== {name}", flush=True)
        try:
            importlib.import_module(f"benchmarks.{name}").main()
        except NoDataError as error:
            skipped.append(f"{name} ({error})")
    reasons = f": {', '.join(skipped)}" if skipped else ""
    print(f"\n{len(names) - len(skipped)} benchmarks run, {len(skipped)} skipped{reasons}")


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in chosen if name not in BENCHMARKS]:
        sys.exit(f"unknown benchmark {unknown[0]!r}; available: {', '.join(BENCHMARKS)}")
    main(chosen)
