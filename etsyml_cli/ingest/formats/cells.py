"""Rows as they come from a foreign file, before anyone asks whether they fit a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.io.rejects import Reason

BATCH_ROWS = 4096  # rows turned from Python objects into columns at once: what fits the processor's cache

_ARROW_OF: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass(frozen=True)
class Cells:
    """A column's N values: those of the commonest type as an array, the others by row (and null in the array)."""

    array: pa.Array
    odd: dict[int, Any] = field(default_factory=dict)

    def head(self, n: int) -> Cells:
        return Cells(self.array[:n], {row: value for row, value in self.odd.items() if row < n})


@dataclass(frozen=True)
class Refused:
    """A row that could not be read at all."""

    line: int
    reason: Reason
    raw: bytes


@dataclass(frozen=True)
class Block:
    """N rows of one file in its order, and the rows among them that could not be read."""

    columns: dict[str, Cells]
    lines: NDArray[np.int64]  # (N,) 1-based line where each row begins; in Parquet the number of the row
    raw: Callable[[int], bytes]  # the text of row i
    refused: list[Refused] = field(default_factory=list)
    trailing_empty: list[int] = field(default_factory=list)  # lines with one empty field too many, which was dropped
    late: tuple[str, ...] = ()  # keys met so far that the header did not announce (JSON Lines)

    @property
    def n_rows(self) -> int:
        """How many rows the block accounts for, readable or not."""
        return len(self.lines) + len(self.refused)

    def head(self, n: int) -> Block:
        """The block of the first n rows, readable or not."""
        numbers = sorted([*self.lines.tolist(), *(one.line for one in self.refused)])
        if len(numbers) <= n:
            return self
        behind = numbers[n]
        kept = int(self.lines.searchsorted(behind))
        return replace(
            self,
            columns={name: cells.head(kept) for name, cells in self.columns.items()},
            lines=self.lines[:kept],
            refused=[one for one in self.refused if one.line < behind],
            trailing_empty=[line for line in self.trailing_empty if line < behind],
        )


def cells_of(values: list[Any]) -> Cells:
    """Python values as cells; None is null."""
    kinds = set(map(type, values)) - {NoneType}
    kind = next(iter(kinds)) if len(kinds) == 1 else float if kinds == {int, float} else None
    if not kinds:
        return Cells(pa.nulls(len(values)))
    try:
        # The type is named, for pyarrow's own guess looks for pandas each time (70 µs) where it is not installed.
        return Cells(pa.array(values, _ARROW_OF[kind])) if kind in _ARROW_OF else _of_mixed(values)
    except (pa.ArrowInvalid, OverflowError):  # whole numbers that the type does not hold
        return _of_mixed(values)


def _of_mixed(values: list[Any]) -> Cells:
    for kind, _ in Counter(map(type, values)).most_common():
        if kind not in _ARROW_OF:
            continue
        try:
            array = pa.array([value if type(value) is kind else None for value in values], _ARROW_OF[kind])
        except OverflowError:
            continue
        return Cells(array, {i: v for i, v in enumerate(values) if type(v) is not kind and v is not None})
    return Cells(pa.nulls(len(values)), {i: v for i, v in enumerate(values) if v is not None})


def joined(parts: Iterable[Cells]) -> Cells:
    """Cells one after the other, as cells of the type that most of their rows have."""
    parts = list(parts)
    rows_of: Counter[pa.DataType] = Counter()
    for part in parts:
        if not pa.types.is_null(part.array.type):
            rows_of[part.array.type] += len(part.array)
    kind = rows_of.most_common(1)[0][0] if rows_of else pa.null()
    arrays, odd, start = [], {}, 0
    for part in parts:
        strange = part.array.type != kind
        arrays.append(pa.nulls(len(part.array), kind) if strange else part.array)
        others = dict(enumerate(part.array.to_pylist())) if strange else {}
        odd.update({start + i: v for i, v in (others | part.odd).items() if v is not None})
        start += len(part.array)
    return Cells(pa.concat_arrays(arrays) if arrays else pa.nulls(0), odd)
