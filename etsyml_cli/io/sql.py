"""DuckDB with a small memory limit, which spills to a directory of the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY_MB = 150


@contextmanager
def database(scratch: Path, *, memory_mb: int = MEMORY_MB, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory database that spills to `scratch` above `memory_mb` MB. The order of rows is not preserved."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "temp_directory": str(scratch / "duckdb"),
        "threads": threads,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(config=config)
    connection.execute("SET enable_progress_bar = false")  # it would be written to stdout
    try:
        yield connection
    finally:
        connection.close()
