"""Startup time of the command line: `etsyml --help` compared with an empty Python program."""

from __future__ import annotations

import sys

from benchmarks.measure import etsyml, median_cost

GOAL_S = 0.25


def main() -> None:
    bare = median_cost([sys.executable, "-c", "pass"])
    print(f"{'command':<24}{'CPU s':>8}{'x bare':>8}{'peak MB':>9}")
    print(f"{'python -c pass':<24}{bare.cpu_s:>8.3f}{1:>8.1f}{bare.peak_mb:>9.0f}")
    for arguments in (["--help"], ["train", "ltr", "--help"], ["--version"]):
        cost = median_cost(etsyml(*arguments))
        name = " ".join(["etsyml", *arguments])
        print(f"{name:<24}{cost.cpu_s:>8.3f}{cost.cpu_s / bare.cpu_s:>8.1f}{cost.peak_mb:>9.0f}")
    print(f"goal: etsyml --help under {GOAL_S} s")


if __name__ == "__main__":
    main()
