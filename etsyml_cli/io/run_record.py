"""The record of a run: everything that differs between two runs of one plan."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec


def run_record(started: float, outputs: Iterable[str]) -> dict[str, Any]:
    """What differs between two runs of one plan: command line, host, times (s) and peak memory (MB).

    It also names the outputs, so that etsyml recognizes them if the manifest is damaged.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    system = os.uname()  # platform.platform() would run the program `uname`
    return {
        "argv": sys.argv,
        "host": system.nodename,
        "platform": f"{system.sysname}-{system.release}-{system.machine}",
        "python": platform.python_version(),
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_s": round(time.time() - started, 3),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory_mb": round(kilobytes / 1024, 1),
        "outputs": list(outputs),
    }


def outputs_of_run(path: Path) -> list[str] | None:
    """The outputs that the record of a run names; None if there is no record."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_RunOutputs).outputs
    except (OSError, msgspec.DecodeError):
        return None


class _RunOutputs(msgspec.Struct):
    argv: list[str]
    host: str
    started_at: str
    outputs: list[str]
