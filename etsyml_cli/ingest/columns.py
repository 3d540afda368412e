"""A whole foreign column to one of ours: at once where that is certain, value by value (values.py) where it is not."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.formats.cells import Cells
from etsyml_cli.ingest.rules import Rules
from etsyml_cli.ingest.values import (
    CONTROL,
    EXACT,
    LONGEST_ID,
    MAX_TIME,
    MICROSECONDS,
    NUMBER_RANGES,
    BadValueError,
    parse,
)
from etsyml_cli.io.rejects import Reason
from etsyml_cli.io.schema import ARROW_TYPES, Column, Kind

SMALLEST_PART = 64  # rows below which a cast that fails is not tried on halves

Reasons = dict[int, Reason]


def convert(cells: Cells, column: Column, rules: Rules) -> tuple[pa.Array, Reasons]:
    """The column as the table holds it, shape (N,), null at bad values; and the reason by row for each of these."""
    kind = column.kind
    quick = _QUICK.get(kind)
    sure = quick(cells.array, rules) if quick else pa.nulls(len(cells.array), ARROW_TYPES[kind])
    values, reasons = _parse_each(_doubtful(cells, sure), kind, rules)
    if values:
        sure = _patched(sure, values)
    if column.required and sure.null_count:
        empty = np.flatnonzero(sure.is_null().to_numpy(zero_copy_only=False)).tolist()
        reasons = dict.fromkeys(empty, Reason.MISSING) | reasons
    return sure, reasons


def _doubtful(cells: Cells, sure: pa.Array) -> dict[int, Any]:
    """The values, by row, that the quick way left open."""
    if cells.array.null_count == sure.null_count and not cells.odd:
        return {}
    open_rows = np.flatnonzero(pc.and_(cells.array.is_valid(), sure.is_null()).to_numpy(zero_copy_only=False))
    return dict(zip(open_rows.tolist(), cells.array.take(open_rows).to_pylist(), strict=True)) | cells.odd


def _parse_each(doubtful: dict[int, Any], kind: Kind, rules: Rules) -> tuple[dict[int, Any], Reasons]:
    known: dict[tuple[type, Hashable], Any] = {}
    values, reasons = {}, {}
    for row, value in doubtful.items():
        key = (type(value), value) if isinstance(value, str | int) else None
        result = known.get(key) if key in known else _value_or_reason(value, kind, rules)
        if key:
            known[key] = result
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


def _patched(array: pa.Array, values: dict[int, Any]) -> pa.Array:
    if array.null_count == len(array):
        return pa.array([values.get(row) for row in range(len(array))], array.type)
    mask = np.zeros(len(array), dtype=bool)
    mask[list(values)] = True
    return pc.replace_with_mask(array, mask, pa.array([values[row] for row in sorted(values)], array.type))


# The quick ways: each returns the values that it is certain of, and null for all others.


def _quick_id(array: pa.Array, _rules: Rules) -> pa.Array:
    if pa.types.is_integer(array.type):
        return array.cast(pa.string())
    if not pa.types.is_string(array.type):
        return pa.nulls(len(array), pa.string())
    trimmed = pc.utf8_trim_whitespace(array)
    fits = pc.and_(pc.greater(pc.binary_length(trimmed), 0), pc.less_equal(pc.binary_length(trimmed), LONGEST_ID))
    if _may_have_control(trimmed):
        fits = pc.and_not(fits, pc.match_substring_regex(trimmed, CONTROL))
    return _only_where(fits, trimmed)


def _quick_text(array: pa.Array, _rules: Rules) -> pa.Array:
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        wide = array.cast(pa.float64())
        whole = pc.and_(pc.less(pc.abs(wide), EXACT), pc.equal(pc.floor(wide), wide))
        counts = pc.cast(pc.if_else(whole, wide, None), pa.int64())
        return pc.coalesce(counts.cast(pa.string()), array.cast(pa.string()))
    if not pa.types.is_string(kind):
        return pa.nulls(len(array), pa.string())
    return _only_where(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(array)), 0), array)


def _quick_number(kind: Kind) -> Callable[[pa.Array, Rules], pa.Array]:
    low, high, whole = NUMBER_RANGES[kind]

    def quick(array: pa.Array, _rules: Rules) -> pa.Array:
        if pa.types.is_string(array.type):
            array = _where_possible(array, lambda part: pc.cast(part, pa.float64()), pa.float64())
        elif pa.types.is_integer(array.type):
            array = pc.cast(array, pa.int64() if whole else pa.float64(), safe=False)
        elif pa.types.is_decimal(array.type) or pa.types.is_floating(array.type):
            array = array.cast(pa.float64())
        else:
            return pa.nulls(len(array), ARROW_TYPES[kind])
        fits = pc.and_(pc.greater_equal(array, low), pc.less_equal(array, high))
        if whole and not pa.types.is_integer(array.type):
            fits = pc.and_(fits, pc.equal(pc.floor(array), array))
        return pc.cast(_only_where(fits, array), ARROW_TYPES[kind], safe=False)

    return quick


def _quick_time(array: pa.Array, rules: Rules) -> pa.Array:
    times = _times(array, rules)
    counts = times.cast(pa.int64())
    return _only_where(pc.and_(pc.greater_equal(counts, 0), pc.less(counts, MAX_TIME)), times)


def _times(array: pa.Array, rules: Rules) -> pa.Array:
    casts = list(_casts_to_time(array.type, rules))
    for cast in casts:
        try:
            return cast(array)
        except pa.ArrowInvalid:
            continue
    utc = ARROW_TYPES["time"]
    return pc.coalesce(*[_where_possible(array, cast, utc) for cast in casts]) if casts else pa.nulls(len(array), utc)


def _casts_to_time(kind: pa.DataType, rules: Rules) -> Iterator[Callable[[pa.Array], pa.Array]]:
    """The readings that a column of this type allows; each raises ArrowInvalid where one value does not fit it."""
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
        raise pa.ArrowInvalid("a hexadecimal number is no time")
    floating = pa.types.is_floating(array.type)
    array = array.cast(pa.float64()) if floating else array
    if floating and factor >= 1:
        micros = pc.cast(pc.round(pc.multiply(array, factor)), pa.int64())
    elif factor < 1:
        counts = pc.cast(pc.floor(array) if floating else array, pa.int64())
        micros = pc.if_else(pc.less(counts, 0), -1, pc.divide(counts, 1000))  # divide() would round -1 up to 0
    else:
        micros = pc.multiply_checked(pc.cast(array, pa.int64()), int(factor))
    return micros.cast(ARROW_TYPES["time"])


def _from_local(array: pa.Array, zone: str) -> pa.Array:
    """Raises ArrowInvalid where a time is twice or never on the zone's clock: values.py knows what to do."""
    return pc.assume_timezone(pc.cast(array, pa.timestamp("us")), zone).cast(ARROW_TYPES["time"])


def _where_possible(array: pa.Array, cast: Callable[[pa.Array], pa.Array], kind: pa.DataType) -> pa.Array:
    """The cast of all values that allow it, null for (at least) the others: halves, as long as a cast fails."""
    try:
        return cast(array)
    except pa.ArrowInvalid:
        if len(array) <= SMALLEST_PART:
            return pa.nulls(len(array), kind)
    middle = len(array) // 2
    return pa.concat_arrays([_where_possible(part, cast, kind) for part in (array[:middle], array[middle:])])


def _only_where(fits: pa.Array, array: pa.Array) -> pa.Array:
    return array if pc.all(fits, skip_nulls=True).as_py() is not False else pc.if_else(fits, array, None)


def _may_have_control(array: pa.Array) -> bool:
    """Whether the bytes of the texts hold a control character."""
    _, offsets, data = array.buffers()
    if data is None:
        return False
    bounds = np.frombuffer(offsets, np.int32)
    content = np.frombuffer(data, np.uint8)[bounds[array.offset] : bounds[array.offset + len(array)]]
    return bool((content < 0x20).any() or (content == 0x7F).any())


_QUICK: dict[Kind, Callable[[pa.Array, Rules], pa.Array]] = {
    "id": _quick_id,
    "text": _quick_text,
    "feature": _quick_text,
    "time": _quick_time,
    "price": _quick_number("price"),
    "number": _quick_number("number"),
    "count": _quick_number("count"),
    "position": _quick_number("position"),
    "flag": _quick_number("flag"),
}
