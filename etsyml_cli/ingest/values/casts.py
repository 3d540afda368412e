"""Casts of columns that leave null what cannot be cast."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

MIN_ROWS_TO_SPLIT = 64  # if a cast fails on more rows than this, each half is tried


def cast_if_possible(array: pa.Array, cast: Callable[[pa.Array], pa.Array], kind: pa.DataType) -> pa.Array:
    """Cast the values that can be cast, trying each half if a cast fails; others (and possibly more) are null."""
    try:
        return cast(array)
    except pa.ArrowInvalid:
        if len(array) <= MIN_ROWS_TO_SPLIT:
            return pa.nulls(len(array), kind)
    middle = len(array) // 2
    return pa.concat_arrays([cast_if_possible(part, cast, kind) for part in (array[:middle], array[middle:])])


def null_unless(fits: pa.Array, array: pa.Array) -> pa.Array:
    """The values that fit; null instead of the others."""
    return array if pc.all(fits, skip_nulls=True).as_py() is not False else pc.if_else(fits, array, None)
