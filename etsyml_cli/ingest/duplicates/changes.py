"""The changes between the staged table and the table: rows that are dropped, and rows with new values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# row (position in the staged table), outcome (changed, merged, rejected or excluded), file and line of a rejected row,
# new values of a changed row; ordered by row
Changes: TypeAlias = pa.Table

_NO_CHANGES = pa.table({"row": pa.array([], pa.int64())})


class ChangeStream:
    """A stream of changes in row order; each change is returned once."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._buffer = _NO_CHANGES

    def take_before(self, row: int) -> Changes:
        """Take the remaining changes of rows before `row`."""
        parts: list[Changes] = []
        while not self._is_empty() and (part := self._take_buffered(row)).num_rows:
            parts.append(part)
        return pa.concat_tables(parts) if parts else _NO_CHANGES

    def _is_empty(self) -> bool:
        while not self._buffer.num_rows and (following := next(self._batches, None)) is not None:
            self._buffer = pa.Table.from_batches([following])
        return not self._buffer.num_rows

    def _take_buffered(self, row: int) -> Changes:
        n = int(np.searchsorted(self._buffer["row"].to_numpy(), row))
        part, self._buffer = self._buffer.slice(0, n), self._buffer.slice(n)
        return part


def apply_changes(rows: pa.Table, first: int, changes: Changes) -> pa.Table:
    """`rows` (rows `first` and following of the staged table) with new values, without the dropped rows."""
    if not changes.num_rows:
        return rows
    positions = changes["row"].to_numpy() - first
    changed = pc.equal(changes["outcome"], "changed")
    rows = _set_values(rows, positions[changed.to_numpy()], changes.filter(changed))
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[positions[~changed.to_numpy()]] = False
    return rows.filter(pa.array(keep))


def _set_values(rows: pa.Table, positions: np.ndarray[tuple[int], np.dtype[np.int64]], values: Changes) -> pa.Table:
    if not len(positions):
        return rows
    mask = np.zeros(rows.num_rows, dtype=bool)
    mask[positions] = True
    for place, field in enumerate(rows.schema):
        if field.name in values.column_names:
            new = values[field.name].combine_chunks().cast(field.type)
            column = pc.replace_with_mask(rows[field.name].combine_chunks(), mask, new)
            rows = rows.set_column(place, field, column)
    return rows
