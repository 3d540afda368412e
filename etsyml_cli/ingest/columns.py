"""Convert input columns to table columns: vectorized if possible, otherwise value by value (values.py)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.ingest.formats.cells import Cells
from etsyml_cli.ingest.rules import Rules
from etsyml_cli.ingest.values import (
    CONTROL,
    MAX_EXACT_INTEGER,
    MAX_ID_BYTES,
    MAX_TIME,
    MICROSECONDS,
    NUMBER_RANGES,
    POWER_OF_TEN,
    BadValueError,
    parse,
)
from etsyml_cli.io.rejects import Reason
from etsyml_cli.io.schema import ARROW_TYPES, Column, Kind

MIN_ROWS_TO_SPLIT = 64  # if a cast fails on more rows than this, each half is tried

Reasons = dict[int, Reason]


def convert(cells: Cells, column: Column, rules: Rules) -> tuple[pa.Array, Reasons]:
    """Convert a column to the table's type, shape (N,), with null for bad values; also return their reasons by row."""
    kind = column.kind
    fast = _FAST.get(kind)
    converted = fast(cells.array, rules) if fast else pa.nulls(len(cells.array), ARROW_TYPES[kind])
    values, reasons = _parse_each(_undecided(cells, converted), kind, rules)
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


def _parse_each(undecided: dict[int, Any], kind: Kind, rules: Rules) -> tuple[dict[int, Any], Reasons]:
    cache: dict[tuple[type, Hashable], Any] = {}
    values, reasons = {}, {}
    for row, value in undecided.items():
        key = (type(value), value) if isinstance(value, str | int) else None
        result = cache.get(key) if key in cache else _value_or_reason(value, kind, rules)
        if key:
            cache[key] = result
        if isinstance(result, Reason):
            reasons[row] = result
        elif result is not None:
            values[row] = result
    return values, reasons


def _value_or_reason(value: Any, kind: Kind, rules: Rules) -> Any:
    try:
        return parse(value, kind, rules)
    except BadValueError as error:
        return error.reason


def _fill_in(array: pa.Array, values: dict[int, Any]) -> pa.Array:
    if array.null_count == len(array):
        return pa.array([values.get(row) for row in range(len(array))], array.type)
    mask = np.zeros(len(array), dtype=bool)
    mask[list(values)] = True
    return pc.replace_with_mask(array, mask, pa.array([values[row] for row in sorted(values)], array.type))


# Vectorized conversions: each returns null for the values that it cannot decide.


def _fast_id(array: pa.Array, _rules: Rules) -> pa.Array:
    if pa.types.is_integer(array.type):
        return array.cast(pa.string())
    if not pa.types.is_string(array.type):
        return pa.nulls(len(array), pa.string())
    trimmed = pc.utf8_trim_whitespace(array)
    fits = pc.and_(pc.greater(pc.binary_length(trimmed), 0), pc.less_equal(pc.binary_length(trimmed), MAX_ID_BYTES))
    content = _bytes_of(trimmed)
    if (content < 0x20).any() or (content == 0x7F).any():
        fits = pc.and_not(fits, pc.match_substring_regex(trimmed, CONTROL))
    if (content == ord("+")).any():
        fits = pc.and_not(fits, pc.match_substring_regex(trimmed, POWER_OF_TEN))
    return _null_unless(fits, trimmed)


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
    return _null_unless(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(array)), 0), array)


def _fast_number(kind: Kind) -> Callable[[pa.Array, Rules], pa.Array]:
    low, high, whole = NUMBER_RANGES[kind]

    def fast(array: pa.Array, _rules: Rules) -> pa.Array:
        if pa.types.is_string(array.type):
            array = _cast_if_possible(array, lambda part: pc.cast(part, pa.float64()), pa.float64())
        elif pa.types.is_integer(array.type):
            array = pc.cast(array, pa.int64() if whole else pa.float64(), safe=False)
        elif pa.types.is_decimal(array.type) or pa.types.is_floating(array.type):
            array = array.cast(pa.float64())
        else:
            return pa.nulls(len(array), ARROW_TYPES[kind])
        fits = pc.and_(pc.greater_equal(array, low), pc.less_equal(array, high))
        if whole and not pa.types.is_integer(array.type):
            fits = pc.and_(fits, pc.equal(pc.floor(array), array))
        return pc.cast(_null_unless(fits, array), ARROW_TYPES[kind], safe=False)

    return fast


def _fast_time(array: pa.Array, rules: Rules) -> pa.Array:
    times = _times(array, rules)
    counts = times.cast(pa.int64())
    return _null_unless(pc.and_(pc.greater_equal(counts, 0), pc.less(counts, MAX_TIME)), times)


def _times(array: pa.Array, rules: Rules) -> pa.Array:
    casts = list(_casts_to_time(array.type, rules))
    for cast in casts:
        try:
            return cast(array)
        except pa.ArrowInvalid:
            continue
    utc = ARROW_TYPES["time"]
    return pc.coalesce(*[_cast_if_possible(array, cast, utc) for cast in casts]) if casts else pa.nulls(len(array), utc)


def _casts_to_time(kind: pa.DataType, rules: Rules) -> Iterator[Callable[[pa.Array], pa.Array]]:
    """The casts that apply to a column of this type; each raises ArrowInvalid if one value cannot be cast."""
    text, zoned = pa.types.is_string(kind), pa.types.is_timestamp(kind) and kind.tz is not None
    if rules.time_unit and (text or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        factor = MICROSECONDS[rules.time_unit]
        yield lambda array: _from_units(array, factor)
    if text or zoned:
        yield lambda array: pc.cast(array, ARROW_TYPES["time"])
    if rules.tz and not zoned and (text or pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        zone = str(rules.tz)
        yield lambda array: _from_local(array, zone)


def _from_units(array: pa.Array, factor: float) -> pa.Array:
    if pa.types.is_string(array.type) and pc.any(pc.match_substring(array, "x", ignore_case=True)).as_py():
        raise pa.ArrowInvalid("a hexadecimal number is not a time")
    floating = pa.types.is_floating(array.type)
    array = array.cast(pa.float64()) if floating else array
    if floating and factor >= 1:
        micros = pc.cast(pc.round(pc.multiply(array, factor)), pa.int64())
    elif factor < 1:
        counts = pc.cast(pc.floor(array) if floating else array, pa.int64())
        micros = pc.if_else(pc.less(counts, 0), -1, pc.divide(counts, 1000))  # divide() would round -1 to 0
    else:
        micros = pc.multiply_checked(pc.cast(array, pa.int64()), int(factor))
    return micros.cast(ARROW_TYPES["time"])


def _from_local(array: pa.Array, zone: str) -> pa.Array:
    """Cast local times. Raises ArrowInvalid for ambiguous and nonexistent times, which values.py handles."""
    return pc.assume_timezone(pc.cast(array, pa.timestamp("us")), zone).cast(ARROW_TYPES["time"])


def _cast_if_possible(array: pa.Array, cast: Callable[[pa.Array], pa.Array], kind: pa.DataType) -> pa.Array:
    """Cast the values that can be cast, trying each half if a cast fails; others (and possibly more) are null."""
    try:
        return cast(array)
    except pa.ArrowInvalid:
        if len(array) <= MIN_ROWS_TO_SPLIT:
            return pa.nulls(len(array), kind)
    middle = len(array) // 2
    return pa.concat_arrays([_cast_if_possible(part, cast, kind) for part in (array[:middle], array[middle:])])


def _null_unless(fits: pa.Array, array: pa.Array) -> pa.Array:
    return array if pc.all(fits, skip_nulls=True).as_py() is not False else pc.if_else(fits, array, None)


def _bytes_of(array: pa.Array) -> NDArray[np.uint8]:
    """The bytes of all texts."""
    _, offsets, data = array.buffers()
    if data is None:
        return np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[bounds[array.offset] : bounds[array.offset + len(array)]]


_FAST: dict[Kind, Callable[[pa.Array, Rules], pa.Array]] = {
    "id": _fast_id,
    "text": _fast_text,
    "feature": _fast_text,
    "time": _fast_time,
    "price": _fast_number("price"),
    "number": _fast_number("number"),
    "count": _fast_number("count"),
    "position": _fast_number("position"),
    "flag": _fast_number("flag"),
}
