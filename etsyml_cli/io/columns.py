"""Columns in an Arrow IPC file, read as a memory map, so that only the parts in use are loaded."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.wide import widened


def save_columns(directory: Path, name: str, columns: dict[str, pa.Array]) -> None:
    table = pa.table(columns)
    with pa.ipc.new_file(directory / f"{name}.arrow", table.schema) as writer:
        writer.write_table(table)


def map_columns(directory: Path, name: str, schema: pa.Schema, hint: str) -> dict[str, pa.Array]:
    """The columns of the table `name`. Raises InputError with `hint` if the schema differs or a column has nulls."""
    table = map_table(directory, name, hint)
    if table.schema != schema or any(column.null_count for column in table.columns):
        raise InputError(f"{directory / name}.arrow: does not match the other files of the directory", hint=hint)
    table = widened(table)
    return {column: table[column].combine_chunks() for column in table.column_names}


def map_table(directory: Path, name: str, hint: str) -> pa.Table:
    """The table `name`. Raises InputError with `hint` if it is missing or damaged."""
    path = directory / f"{name}.arrow"
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}", hint=hint) from None
