"""Rows as read from an input file, before they are checked against a table's schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.io.rejects import Reason

BATCH_ROWS = 4096  # rows converted from Python objects to columns at a time: fits the processor's cache

_ARROW_OF: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass(frozen=True)
class Cells:
    """The N values of a column: the most common type as an array, values of other types by row (null in the array)."""

    array: pa.Array
    other_types: dict[int, Any] = field(default_factory=dict)

    def at(self, row: int) -> Any:
        return self.other_types[row] if row in self.other_types else self.array[row].as_py()

    def head(self, n: int) -> Cells:
        return Cells(self.array[:n], {row: value for row, value in self.other_types.items() if row < n})

    def take(self, rows: NDArray[np.int64]) -> Cells:
        """The values of these rows, which are in ascending order."""
        if not self.other_types:
            return Cells(self.array.take(rows))
        others = {i: self.other_types[row] for i, row in enumerate(rows.tolist()) if row in self.other_types}
        return Cells(self.array.take(rows), others)


class Note(StrEnum):
    """What the summary of ingest counts beside rows: lines that were read in a particular way."""

    TRAILING_EMPTY_FIELD = "trailing empty fields"
    CURRENCY = "amounts with a currency"
    THOUSANDS = "numbers with thousands marks"
    LIST_IN_TEXT = "lists in text"
    PATHS_AT_COMMAS = "lists of photos split at commas"
    HTML_IN_TITLE = "html decoded in title"
    HTML_IN_DESCRIPTION = "html decoded in description"
    HTML_IN_TAGS = "html decoded in tags"
    HTML_IN_CATEGORY = "html decoded in category"
    STRAY_QUOTE = "lines with a stray quote"
    REPEATED_HEADER = "repeated headers"
    COMMENT = "comment lines above the header"
    EXPLODED = "exploded lines"


@dataclass(frozen=True)
class UnreadableRow:
    """A row that cannot be parsed."""

    line: int
    reason: Reason
    raw: bytes


@dataclass(frozen=True)
class Block:
    """N consecutive rows of one file, and the unreadable rows among them."""

    columns: dict[str, Cells]
    lines: NDArray[np.int64]  # (N,) 1-based line on which each row begins, not falling; in Parquet the row number
    raw: Callable[[int], bytes]  # the text of row i
    unreadable: list[UnreadableRow] = field(default_factory=list)
    notes: dict[Note, list[int]] = field(default_factory=dict)  # lines that were read in a particular way
    new_keys: tuple[str, ...] = ()  # keys seen so far that are not in the header (JSON Lines)

    @property
    def n_rows(self) -> int:
        """Number of rows of the block, readable or not."""
        return len(self.lines) + len(self.unreadable)

    def head(self, n: int) -> Block:
        """A block of the first n rows, readable or not."""
        numbers = sorted([*self.lines.tolist(), *(one.line for one in self.unreadable)])
        if len(numbers) <= n:
            return self
        last_line = numbers[n - 1] if n else 0
        unreadable = [one for one in self.unreadable if one.line <= last_line]
        kept = n - len(unreadable)  # the rows of an exploded line may be cut
        return replace(
            self,
            columns={name: cells.head(kept) for name, cells in self.columns.items()},
            lines=self.lines[:kept],
            unreadable=unreadable,
            notes={note: [line for line in lines if line <= last_line] for note, lines in self.notes.items()},
        )

    def select(self, kept: NDArray[np.bool_]) -> Block:
        """A block of the readable rows that are `kept`, (N,), and all unreadable rows."""
        rows = np.flatnonzero(kept)
        if len(rows) == len(kept):
            return self
        columns = {name: cells.take(rows) for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=self.lines[rows], raw=lambda i: self.raw(int(rows[i])))


def to_cells(values: list[Any]) -> Cells:
    """Convert Python values to cells; None is null."""
    kinds = set(map(type, values)) - {NoneType}
    kind = next(iter(kinds)) if len(kinds) == 1 else float if kinds == {int, float} else None
    if not kinds:
        return Cells(pa.nulls(len(values)))
    try:
        # With an explicit type pyarrow does not try to import pandas on each call (70 µs if it is not installed).
        return Cells(pa.array(values, _ARROW_OF[kind])) if kind in _ARROW_OF else _mixed_cells(values)
    except (pa.ArrowInvalid, OverflowError):  # integers that are too large for the type
        return _mixed_cells(values)


def _mixed_cells(values: list[Any]) -> Cells:
    for kind, _ in Counter(map(type, values)).most_common():
        if kind not in _ARROW_OF:
            continue
        try:
            array = pa.array([value if type(value) is kind else None for value in values], _ARROW_OF[kind])
        except OverflowError:
            continue
        return Cells(array, {i: v for i, v in enumerate(values) if type(v) is not kind and v is not None})
    return Cells(pa.nulls(len(values)), {i: v for i, v in enumerate(values) if v is not None})


def concatenate(parts: Iterable[Cells]) -> Cells:
    """Concatenate cells; the array has the type that most of the rows have."""
    parts = list(parts)
    rows_of: Counter[pa.DataType] = Counter()
    for part in parts:
        if not pa.types.is_null(part.array.type):
            rows_of[part.array.type] += len(part.array)
    kind = rows_of.most_common(1)[0][0] if rows_of else pa.null()
    arrays, other_types, start = [], {}, 0
    for part in parts:
        differs = part.array.type != kind
        arrays.append(pa.nulls(len(part.array), kind) if differs else part.array)
        others = dict(enumerate(part.array.to_pylist())) if differs else {}
        other_types.update({start + i: v for i, v in (others | part.other_types).items() if v is not None})
        start += len(part.array)
    return Cells(pa.concat_arrays(arrays) if arrays else pa.nulls(0), other_types)


def text_bytes(texts: pa.Array) -> NDArray[np.uint8]:
    """The bytes of all texts of a string array, one after another."""
    _, offsets, data = texts.buffers()
    if data is None:
        return np.zeros(0, dtype=np.uint8)
    bounds = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[bounds[texts.offset] : bounds[texts.offset + len(texts)]]
