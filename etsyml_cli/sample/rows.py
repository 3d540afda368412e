"""Columns of numbers to rows of text, all rows of a slice at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.core.types import F64, I64

LOG_BEGINS = np.datetime64("2017-05-01T00:00:00", "s")


def ids(prefix: str, index: I64) -> pa.Array:
    """Ids that count from 1: index 0 is `prefix` and 1."""
    return _joined(prefix, cells(index + 1))


def times(second: I64) -> pa.Array:
    """Seconds since the log began as text, in UTC."""
    without_zone = cells(pa.array(LOG_BEGINS + second.astype("timedelta64[s]")))
    return _joined(without_zone, "Z")  # as pyarrow writes UTC, in a tenth of its time


def cells(values: NDArray[np.generic] | pa.Array) -> pa.Array:
    """Values as text; a number is as short as it can be."""
    return pc.cast(pa.array(values), pa.string())


def flags(values: NDArray[np.bool_]) -> pa.Array:
    return cells(values.astype(np.int8))


def vectors(matrix: F64) -> pa.Array:
    """A list of numbers for each row of `matrix`, shape (N, K), in single precision."""
    rows, width = matrix.shape
    return pa.ListArray.from_arrays(
        pa.array(width * np.arange(rows + 1), pa.int32()), matrix.astype(np.float32).ravel()
    )


def join_rows(*columns: pa.Array, delimiter: str) -> pa.Buffer:
    """The text of N rows, for cells that need no quotes."""
    *others, last = columns
    return _text(_joined(*others, _joined(last, "\n"), delimiter=delimiter))


def json_rows(**columns: pa.Array) -> pa.Buffer:
    """N JSON objects, one a line, whose values are text that needs no escapes."""
    parts: list[pa.Array | str] = []
    for name, column in columns.items():
        parts += [f'{"," if parts else "{"}"{name}":"', column, '"']
    return _text(_joined(*parts, "}\n"))


def _text(rows: pa.Array) -> pa.Buffer:
    size = pc.sum(pc.binary_length(rows)).as_py() or 0
    return rows.buffers()[2].slice(0, size)  # the buffer may be larger than its text


def _joined(*parts: pa.Array | str, delimiter: str = "") -> pa.Array:
    """The parts of each row with `delimiter` between them.

    Text gets its type here: to guess it, pyarrow would try an import at each call, which swallows a Ctrl-C meanwhile.
    """
    typed = [pa.scalar(part, pa.string()) if isinstance(part, str) else part for part in (*parts, delimiter)]
    return pc.binary_join_element_wise(*typed)
