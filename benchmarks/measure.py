"""Run a command as a process and measure its CPU seconds (user + system) and its peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


class NoDataError(SystemExit):
    """A data set that a benchmark needs was not found."""


def require(folder: Path) -> None:
    """Check that a data set exists. Raises NoDataError if it does not."""
    if not folder.is_dir():
        raise NoDataError(f"data set {folder.name!r} not found next to the checkout")


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    peak_mb: float


def cost_of(command: list[str]) -> Cost:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Cost(usage.ru_utime + usage.ru_stime, kilobytes / 1024)


def median_cost(command: list[str], runs: int = 5) -> Cost:
    costs = [cost_of(command) for _ in range(runs)]
    return Cost(statistics.median(c.cpu_s for c in costs), statistics.median(c.peak_mb for c in costs))


def cpu_s_an_item(
    commands: Mapping[str, Callable[[int], list[str]]], few: int, many: int, runs: int = 3
) -> dict[str, float]:
    """CPU seconds per additional item for each command, medians of interleaved runs.

    Each runs with few and with many items: the difference excludes imports and loading.
    """
    costs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            of_few, of_many = cost_of(command(few)), cost_of(command(many))
            costs[name].append((of_many.cpu_s - of_few.cpu_s) / (many - few))
    return {name: statistics.median(each) for name, each in costs.items()}


def etsyml(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "etsyml_cli", *arguments]
