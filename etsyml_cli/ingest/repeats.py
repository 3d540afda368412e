"""Rows of one name: which of them stay, and what the one that stays becomes. Out of core: SQL over the keys alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.io.schema import EVENTS, TableSchema

# row (its place in the staged table), file, line, dropped, strongest; ordered by row
Changes: TypeAlias = pa.Table

_NO_CHANGES = pa.table({"row": pa.array([], pa.int64())})


def key_columns(schema: TableSchema, columns: Iterable[str]) -> list[str]:
    """The columns that name a row, where the table has them all; else none, and no row repeats another."""
    return list(schema.key) if set(schema.key) <= set(columns) else []


def keys_of(rows: pa.Table, key: list[str], file: int, lines: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    """What the search for repeats needs of N rows: key, strength of the event, and where the row came from."""
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
    """SQL for the rows to drop or to strengthen; `$keys` is the Parquet file of keys in the rows' order.

    Hashes first: few rows are suspects, and only their keys are compared. A row with a null in its key has no name.
    """
    key = ", ".join(f"k{i}" for i in range(n_key_columns))
    named = " AND ".join(f"k{i} IS NOT NULL" for i in range(n_key_columns))
    return f"""
        WITH suspects AS (
            SELECT hash({key}) AS h FROM read_parquet($keys) WHERE {named} GROUP BY h HAVING count(*) > 1
        ), named AS (
            SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY file_row_number) AS nth,
                   max(strength) OVER (PARTITION BY {key}) AS strongest
            FROM read_parquet($keys, file_row_number = true)
            WHERE {named} AND hash({key}) IN (SELECT h FROM suspects)
        )
        SELECT file_row_number AS "row", file, line, nth > 1 AS dropped, strongest
        FROM named WHERE nth > 1 OR strongest > strength ORDER BY file_row_number
    """  # noqa: S608  no text of a user's is in it


class Pending:
    """A stream of changes, handed out once each in the order of the rows."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._held = _NO_CHANGES

    def is_over(self) -> bool:
        """Whether no change is left."""
        while not self._held.num_rows and (following := next(self._batches, None)) is not None:
            self._held = pa.Table.from_batches([following])
        return not self._held.num_rows

    def before(self, row: int) -> Changes:
        """The changes of rows before `row` that were not handed out yet."""
        parts: list[Changes] = []
        while not self.is_over() and (part := self._cut(row)).num_rows:
            parts.append(part)
        return pa.concat_tables(parts) if parts else _NO_CHANGES

    def _cut(self, row: int) -> Changes:
        n = int(np.searchsorted(self._held["row"].to_numpy(), row))
        part, self._held = self._held.slice(0, n), self._held.slice(n)
        return part


def changed(rows: pa.Table, first: int, changes: Changes) -> pa.Table:
    """`rows`, which are the staged table's from `first` on, without the dropped ones and with the strongest events."""
    if not changes.num_rows:
        return rows
    places = changes["row"].to_numpy() - first
    dropped = changes["dropped"].to_numpy()
    if "event" in rows.column_names and not dropped.all():
        stronger = np.zeros(rows.num_rows, dtype=bool)
        stronger[places[~dropped]] = True
        events = pa.array(EVENTS).take(changes["strongest"].filter(pa.array(~dropped)).combine_chunks())
        event = pc.replace_with_mask(rows["event"].combine_chunks(), stronger, events)
        rows = rows.set_column(rows.column_names.index("event"), rows.schema.field("event"), event)
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[places[dropped]] = False
    return rows.filter(pa.array(keep))
