"""Errors that mean too little memory or disk space, with the bytes needed and available."""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from etsyml_cli.core.errors import ShortageError

# messages of libraries that raise neither MemoryError nor OSError: torch, ONNX Runtime, DuckDB, Python's threads
NO_MEMORY = re.compile(r"allocate memory|out of memory|can't start new thread|failed to map segment", re.IGNORECASE)
NO_SPACE = re.compile(r"no space left on device", re.IGNORECASE)

NEEDED = re.compile(r"(?:size|allocate) ([\d.]+) ?(KiB|MiB|GiB|TiB)?")
UNITS = {None: 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def shortage_of(error: Exception, workspace: Path) -> ShortageError | None:
    """The error as a shortage of memory or disk space; None if it is another error."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or NO_SPACE.search(str(error)):
        return _disk_is_full(Path(getattr(error, "filename", None) or workspace))
    if isinstance(error, MemoryError) or number == errno.ENOMEM or NO_MEMORY.search(str(error)):
        return _memory_is_full(_needed(error))
    return None


def _disk_is_full(path: Path) -> ShortageError:
    directory = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    free = shutil.disk_usage(directory).free
    return ShortageError(
        f"no space left on device: {_size(free)} available at {path}",
        hint="Delete files there, or choose a directory on another disk.",
    )


def _memory_is_full(needed: int | None) -> ShortageError:
    available = available_memory()
    facts = [f"{_size(needed)} needed"] if needed else []
    facts += [f"{_size(available)} available"] if available is not None else []
    return ShortageError(
        f"not enough memory{': ' if facts else ''}{', '.join(facts)}",
        hint="Close other programs, use fewer rows or smaller settings, or a machine with more memory.",
    )


def _needed(error: Exception) -> int | None:
    """The bytes that could not be allocated; None if the error does not contain them."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is not None and dtype is not None:  # numpy's
        return int(math.prod(shape) * dtype.itemsize)
    found = NEEDED.search(str(error))
    return int(float(found[1]) * UNITS[found[2]]) if found else None


def available_memory() -> int | None:
    """The bytes that this process can still allocate, by the system and its limits; None if unknown."""
    return min((*_of_system(), *_of_groups(), *_of_process()), default=None)


def _of_system() -> Iterator[int]:
    if available := _number(PROC / "meminfo", r"MemAvailable: +(\d+) kB"):
        yield available * 1024


def _of_groups() -> Iterator[int]:
    """The available memory of the control group (version 2, 1) that a container or a service runs in."""
    for directory, limit, used, reclaimable in (
        (CGROUPS, "memory.max", "memory.current", "inactive_file"),
        (CGROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = _number(directory / limit), _number(directory / used)
        if most is not None and now is not None:
            files = _number(directory / "memory.stat", rf"(?m)^{reclaimable} (\d+)") or 0
            yield max(most - now + files, 0)


def _of_process() -> Iterator[int]:
    """The available memory under `ulimit -v`."""
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = _number(PROC / "self/statm")
    if most != resource.RLIM_INFINITY and pages is not None:
        yield max(most - pages * os.sysconf("SC_PAGESIZE"), 0)


def _number(path: Path, pattern: str = r"^(\d+)") -> int | None:
    """The number that the pattern finds in a file, by default the one it begins with; None if there is none."""
    try:
        found = re.search(pattern, path.read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def _size(n_bytes: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:,.1f} {name}"
    return f"{n_bytes / 1e3:.1f} kB"
