"""Run the benchmarks named on the command line, or all of them."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = (
    "startup",
    "ingest",
    "sample",
    "photos",
    "neighbours",
    "search",
    "similar",
    "million",
    "new_listings",
    "personalization",
    "users",
    "ads",
    "calibration_days",
)

for name in sys.argv[1:] or BENCHMARKS:
    if name not in BENCHMARKS:
        sys.exit(f"unknown benchmark {name!r}; known here: {', '.join(BENCHMARKS)}")
    print(f"\n== {name}")
    importlib.import_module(f"benchmarks.{name}").main()
