"""Convert input columns to table columns: vectorized if possible, otherwise value by value (values.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.formats.cells import Cells, Note, text_bytes
from etsyml_cli.ingest.values.casts import cast_if_possible, null_unless
from etsyml_cli.ingest.values.notes import notes_of
from etsyml_cli.ingest.values.numbers import MAX_EXACT_INTEGER, NUMBER_RANGES
from etsyml_cli.ingest.values.photo_paths import CONTROL
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.time_columns import fast_time
from etsyml_cli.ingest.values.values import MAX_ID_BYTES, POWER_OF_TEN, parse
from etsyml_cli.io.rejects import BadValueError, Reason
from etsyml_cli.io.schema import ARROW_TYPES, Column, Kind

Reasons = dict[int, Reason]


def convert(cells: Cells, column: Column, rules: Rules, notes: Counter[Note] | None = None) -> tuple[pa.Array, Reasons]:
    """Convert a column to the table's type, shape (N,), with null for bad values; also return their reasons by row.

    Counts in `notes` the values that were read in a particular way.
    """
    kind = column.kind
    fast = _FAST.get(kind)
    converted = fast(cells.array, rules) if fast else pa.nulls(len(cells.array), ARROW_TYPES[kind])
    values, reasons = _parse_each(_undecided(cells, converted), kind, rules, Counter() if notes is None else notes)
    if values:
        converted = _fill_in(converted, values)
    if column.required and converted.null_count:
        empty = np.flatnonzero(converted.is_null().to_numpy(zero_copy_only=False)).tolist()
        reasons = dict.fromkeys(empty, Reason.MISSING) | reasons
    return converted, reasons


def _undecided(cells: Cells, converted: pa.Array) -> dict[int, Any]:
    """The values, by row, that the vectorized conversion did not decide."""
    if cells.array.null_count == converted.null_count and not cells.other_types:
        return {}
    open_rows = np.flatnonzero(pc.and_(cells.array.is_valid(), converted.is_null()).to_numpy(zero_copy_only=False))
    return dict(zip(open_rows.tolist(), cells.array.take(open_rows).to_pylist(), strict=True)) | cells.other_types


def _parse_each(
    undecided: dict[int, Any], kind: Kind, rules: Rules, notes: Counter[Note]
) -> tuple[dict[int, Any], Reasons]:
    cache: dict[tuple[type, Hashable], tuple[Any, tuple[Note, ...]]] = {}
    values, reasons = {}, {}
    for row, value in undecided.items():
        key = (type(value), value) if isinstance(value, str | int) else None
        result, remarks = cache[key] if key in cache else _value_or_reason(value, kind, rules)
        if key:
            cache[key] = result, remarks
        if isinstance(result, Reason):
            reasons[row] = result
        elif result is not None:
            values[row] = result
            if remarks:
                notes.update(remarks)
    return values, reasons


def _value_or_reason(value: Any, kind: Kind, rules: Rules) -> tuple[Any, tuple[Note, ...]]:
    try:
        parsed = parse(value, kind, rules)
        return parsed, notes_of(value, parsed, kind, rules)
    except BadValueError as error:
        return error.reason, ()


def _fill_in(array: pa.Array, values: dict[int, Any]) -> pa.Array:
    if array.null_count == len(array):
        return pa.array([values.get(row) for row in range(len(array))], array.type)
    mask = np.zeros(len(array), dtype=bool)
    mask[list(values)] = True
    return pc.replace_with_mask(array, mask, pa.array([values[row] for row in sorted(values)], array.type))


# Vectorized conversions: each returns null for the values that it cannot decide.


def _fast_id(array: pa.Array, rules: Rules) -> pa.Array:
    if pa.types.is_integer(array.type):
        return array.cast(pa.string())
    if not pa.types.is_string(array.type):
        return pa.nulls(len(array), pa.string())
    trimmed = pc.utf8_trim_whitespace(array)
    fits = pc.and_(pc.greater(pc.binary_length(trimmed), 0), pc.less_equal(pc.binary_length(trimmed), MAX_ID_BYTES))
    content = text_bytes(trimmed)
    if (content < 0x20).any() or (content == 0x7F).any():
        fits = pc.and_not(fits, pc.match_substring_regex(trimmed, CONTROL))
    if (content == ord("+")).any():
        fits = pc.and_not(fits, pc.match_substring_regex(trimmed, POWER_OF_TEN))
    if rules.whole_ids:
        trimmed = pc.replace_substring_regex(trimmed, r"^(-?[0-9]+)\.0+$", r"\1")
    return null_unless(fits, trimmed)


def _fast_text(array: pa.Array, _rules: Rules) -> pa.Array:
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        wide = array.cast(pa.float64())
        whole = pc.and_(pc.less(pc.abs(wide), MAX_EXACT_INTEGER), pc.equal(pc.floor(wide), wide))
        counts = pc.cast(pc.if_else(whole, wide, None), pa.int64())
        return pc.coalesce(counts.cast(pa.string()), array.cast(pa.string()))
    if not pa.types.is_string(kind):
        return pa.nulls(len(array), pa.string())
    return null_unless(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(array)), 0), array)


def _fast_number(kind: Kind) -> Callable[[pa.Array, Rules], pa.Array]:
    low, high, whole = NUMBER_RANGES[kind]

    def fast(array: pa.Array, rules: Rules) -> pa.Array:
        if pa.types.is_string(array.type):
            array = array if rules.decimal == "." else _with_decimal_point(array)
            array = cast_if_possible(array, lambda part: pc.cast(part, pa.float64()), pa.float64())
        elif pa.types.is_integer(array.type):
            array = pc.cast(array, pa.int64() if whole else pa.float64(), safe=False)
        elif pa.types.is_decimal(array.type) or pa.types.is_floating(array.type):
            array = array.cast(pa.float64())
        else:
            return pa.nulls(len(array), ARROW_TYPES[kind])
        fits = pc.and_(pc.greater_equal(array, low), pc.less_equal(array, high))
        if whole and not pa.types.is_integer(array.type):
            fits = pc.and_(fits, pc.equal(pc.floor(array), array))
        return pc.cast(null_unless(fits, array), ARROW_TYPES[kind], safe=False)

    return fast


def _with_decimal_point(array: pa.Array) -> pa.Array:
    """Numbers with a decimal comma, with a point instead; null if they have a point already."""
    return pc.replace_substring(null_unless(pc.invert(pc.match_substring(array, ".")), array), ",", ".")


_FAST: dict[Kind, Callable[[pa.Array, Rules], pa.Array]] = {
    "id": _fast_id,
    "text": _fast_text,
    "feature": _fast_text,
    "time": fast_time,
    "price": _fast_number("price"),
    "number": _fast_number("number"),
    "count": _fast_number("count"),
    "position": _fast_number("position"),
    "flag": _fast_number("flag"),
}
