"""Columns of numbers to rows of text, all rows of a slice at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.sample.world import Ints

LOG_BEGINS = np.datetime64("2017-05-01T00:00:00", "s")


def ids(prefix: str, index: Ints) -> pa.Array:
    """Ids that count from 1: index 0 is `prefix` and 1."""
    return pc.binary_join_element_wise(prefix, cells(index + 1), "")


def times(second: Ints) -> pa.Array:
    """Seconds since the log began as text, in UTC."""
    return cells(pa.array(LOG_BEGINS + second.astype("timedelta64[s]")).cast(pa.timestamp("s", tz="UTC")))


def cells(values: NDArray[np.generic] | pa.Array) -> pa.Array:
    """Values as text; a number is as short as it can be."""
    return pc.cast(pa.array(values), pa.string())


def flags(values: NDArray[np.bool_]) -> pa.Array:
    return cells(values.astype(np.int8))


def join_rows(*columns: pa.Array, delimiter: str) -> pa.Buffer:
    """The text of N rows, for cells that need no quotes."""
    return _text(pc.binary_join_element_wise(*columns, delimiter))


def json_rows(**columns: pa.Array) -> pa.Buffer:
    """N JSON objects, one a line, whose values are text that needs no escapes."""
    parts: list[pa.Array | str] = []
    for name, column in columns.items():
        parts += [f'{"," if parts else "{"}"{name}":"', column, '"']
    return _text(pc.binary_join_element_wise(*parts, "}", ""))


def _text(rows: pa.Array) -> pa.Buffer:
    ended = pc.binary_join_element_wise(rows, "", "\n")
    size = pc.sum(pc.binary_length(ended)).as_py() or 0
    return ended.buffers()[2].slice(0, size)  # the buffer may be larger than its text
