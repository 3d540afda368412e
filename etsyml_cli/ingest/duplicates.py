"""Find rows with equal keys, and the changes that leave one row per key. Out of core: SQL over the keys only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.io.schema import EVENTS, TableSchema

# row (position in the staged table), file, line, dropped, strongest; ordered by row
Changes: TypeAlias = pa.Table

_NO_CHANGES = pa.table({"row": pa.array([], pa.int64())})


def key_columns(schema: TableSchema, columns: Iterable[str]) -> list[str]:
    """The key columns of the table; an empty list if one is missing, so that no row is a duplicate."""
    return list(schema.key) if set(schema.key) <= set(columns) else []


def keys_of(rows: pa.Table, key: list[str], file: int, lines: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    """The keys of N rows, the strengths of their events, and the file and line of each row."""
    strength = pc.index_in(rows["event"], pa.array(EVENTS)) if "event" in rows.column_names else None
    return pa.table(
        {
            **{f"k{i}": rows[name] for i, name in enumerate(key)},
            "strength": strength if strength is not None else pa.nulls(len(lines), pa.int32()),
            "file": pa.array(np.full(len(lines), file, dtype=np.int32)),
            "line": pa.array(lines),
        }
    )


def changes_query(n_key_columns: int) -> str:
    """SQL that selects the rows to drop or to change; `$keys` is the Parquet file of keys in row order.

    Keys are compared only if their hashes are equal. A row with a null in its key is never a duplicate.
    """
    key = ", ".join(f"k{i}" for i in range(n_key_columns))
    not_null = " AND ".join(f"k{i} IS NOT NULL" for i in range(n_key_columns))
    return f"""
        WITH candidates AS (
            SELECT hash({key}) AS h FROM read_parquet($keys) WHERE {not_null} GROUP BY h HAVING count(*) > 1
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY file_row_number) AS nth,
                   max(strength) OVER (PARTITION BY {key}) AS strongest
            FROM read_parquet($keys, file_row_number = true)
            WHERE {not_null} AND hash({key}) IN (SELECT h FROM candidates)
        )
        SELECT file_row_number AS "row", file, line, nth > 1 AS dropped, strongest
        FROM ranked WHERE nth > 1 OR strongest > strength ORDER BY file_row_number
    """  # noqa: S608  contains no user input


class ChangeStream:
    """A stream of changes in row order; each change is returned once."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._buffer = _NO_CHANGES

    def is_empty(self) -> bool:
        """Whether no change is left."""
        while not self._buffer.num_rows and (following := next(self._batches, None)) is not None:
            self._buffer = pa.Table.from_batches([following])
        return not self._buffer.num_rows

    def take_before(self, row: int) -> Changes:
        """Take the remaining changes of rows before `row`."""
        parts: list[Changes] = []
        while not self.is_empty() and (part := self._take_buffered(row)).num_rows:
            parts.append(part)
        return pa.concat_tables(parts) if parts else _NO_CHANGES

    def _take_buffered(self, row: int) -> Changes:
        n = int(np.searchsorted(self._buffer["row"].to_numpy(), row))
        part, self._buffer = self._buffer.slice(0, n), self._buffer.slice(n)
        return part


def apply_changes(rows: pa.Table, first: int, changes: Changes) -> pa.Table:
    """Drop duplicates from `rows` (rows `first` and following of the staged table) and set the strongest events."""
    if not changes.num_rows:
        return rows
    positions = changes["row"].to_numpy() - first
    dropped = changes["dropped"].to_numpy()
    if "event" in rows.column_names and not dropped.all():
        stronger = np.zeros(rows.num_rows, dtype=bool)
        stronger[positions[~dropped]] = True
        events = pa.array(EVENTS).take(changes["strongest"].filter(pa.array(~dropped)).combine_chunks())
        event = pc.replace_with_mask(rows["event"].combine_chunks(), stronger, events)
        rows = rows.set_column(rows.column_names.index("event"), rows.schema.field("event"), event)
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[positions[dropped]] = False
    return rows.filter(pa.array(keep))
