"""Convert columns of times: each conversion leaves null what it cannot decide, for `times.parse_time`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.values.casts import cast_if_possible, null_unless
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.times import (
    COMPACT_REWRITES,
    EXCEL_DAY_OF_1970,
    MAX_TIME,
    MICROSECONDS,
    MILLISECONDS_PER_DAY,
    REWRITES,
    Rewrite,
)
from etsyml_cli.io.schema import ARROW_TYPES

UTC = ARROW_TYPES["time"]
END_OF_DAYLIGHT_RULES = datetime(2037, 1, 1)
MAX_EXACT_INTEGER = 2**53  # a float represents every integer below it
SIMPLE_CODES = set("YmdHMS")  # of time formats: their times are written in one way only

PROBE = 64  # rows

_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LOCAL = f"{_DAY}(?:[T ][0-9:.]+)?$"
_ZONED = f"{_DAY}[T ][0-9:.]+(?:Z|[-+][0-9:]+)$"
_INTEGER = "^[-+]?[0-9]+$"
_NUMBER = "^[-+]?[0-9]+[0-9.eE+-]*$"

Conversion = Callable[[pa.Array], pa.Array]


class Cast(NamedTuple):
    """A cast, and a regular expression of the texts for which it is tried."""

    pattern: str
    convert: Conversion


TO_UTC = Cast(_ZONED, partial(pc.cast, target_type=UTC))


def fast_time(array: pa.Array, rules: Rules) -> pa.Array:
    """Times in UTC, shape (N,); null for times that are out of range or not decided."""
    times = _times(array, rules)
    counts = times.cast(pa.int64())
    return null_unless(pc.and_(pc.greater_equal(counts, 0), pc.less(counts, MAX_TIME)), times)


def _times(array: pa.Array, rules: Rules) -> pa.Array:
    casts = list(_casts(array.type, rules))
    for cast in casts:
        try:
            cast.convert(array[:PROBE])  # a cast that fails costs far more than one that succeeds
            return cast.convert(array)
        except pa.ArrowInvalid:
            continue
    times = _first_that_fits(array, casts)
    for rewrite in _rewrites(array.type, rules):
        undecided = pc.and_(array.is_valid(), times.is_null())
        rest = array.filter(undecided)
        if len(rest):
            times = pc.replace_with_mask(times, undecided, _first_that_fits(rewrite(rest), _iso_casts(rules)))
    return times


def _first_that_fits(array: pa.Array, casts: list[Cast]) -> pa.Array:
    """For each value the result of the first cast that applies; null if none does."""
    return pc.coalesce(pa.nulls(len(array), UTC), *[_cast_what_fits(array, cast) for cast in casts])


def _cast_what_fits(array: pa.Array, cast: Cast) -> pa.Array:
    if pa.types.is_string(array.type):
        array = pc.if_else(pc.match_substring_regex(array, cast.pattern), array, None)
    return cast_if_possible(array, cast.convert, UTC)


def _casts(kind: pa.DataType, rules: Rules) -> Iterator[Cast]:
    """The casts that apply to a column of this type; each raises ArrowInvalid if one value cannot be cast."""
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        yield TO_UTC
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        yield from _local_casts(rules)
    elif rules.time_format is None and (pa.types.is_string(kind) or _is_number(kind)):
        if rules.time_unit == "excel":
            yield from (Cast(_NUMBER, partial(_from_excel, cast=cast.convert)) for cast in _local_casts(rules))
        elif rules.time_unit is not None:
            yield Cast(_INTEGER, partial(_from_units, factor=MICROSECONDS[rules.time_unit]))
        if pa.types.is_string(kind):
            yield from _iso_casts(rules)


def _iso_casts(rules: Rules) -> list[Cast]:
    return [TO_UTC, *_local_casts(rules)]


def _local_casts(rules: Rules) -> list[Cast]:
    return [] if rules.tz is None else [Cast(_LOCAL, partial(_from_local, zone=str(rules.tz)))]


def _rewrites(kind: pa.DataType, rules: Rules) -> Iterator[Conversion]:
    """Conversions of other forms to text in ISO 8601; texts of unknown forms stay as they are, or become null."""
    text = pa.types.is_string(kind)
    if not (text or _is_number(kind)):
        return
    if rules.time_format is not None:
        if set(re.findall("%(.)", rules.time_format)) <= SIMPLE_CODES:
            yield partial(_rewrite_format, time_format=rules.time_format)
        return
    forms = [COMPACT_REWRITES] * (rules.time_unit is None) + [REWRITES] * text
    yield from (partial(_rewrite_like_the_first, rewrites=rewrites) for rewrites in forms)
    yield from (partial(_rewrite, rewrites=rewrites) for rewrites in forms)


def _rewrite_like_the_first(array: pa.Array, rewrites: list[Rewrite]) -> pa.Array:
    """Rewrite as the first values need it: most columns have one form, and each pattern costs time."""
    first, needed = _as_text(array[:PROBE]), []
    for one in rewrites:
        rewritten = _rewrite(first, [one])
        if not rewritten.equals(first):
            first = rewritten
            needed.append(one)
    return _rewrite(array, needed)


def _rewrite(array: pa.Array, rewrites: list[Rewrite]) -> pa.Array:
    texts = _as_text(array)
    for pattern, replacement in rewrites:
        texts = pc.replace_substring_regex(texts, pattern, replacement)
    return texts


def _rewrite_format(array: pa.Array, time_format: str) -> pa.Array:
    """Only texts that equal their time in this format, because the C library reads more than Python does."""
    texts = _as_text(array)
    times = pc.strptime(texts, format=time_format, unit="s", error_is_null=True)
    same = pc.equal(pc.strftime(times, format=time_format), texts)
    return pc.if_else(same, times.cast(pa.string()), None)


def _as_text(array: pa.Array) -> pa.Array:
    """Numbers as text; those with a fraction become null."""
    if pa.types.is_floating(array.type):
        wide = array.cast(pa.float64())
        is_whole = pc.and_(pc.less(pc.abs(wide), MAX_EXACT_INTEGER), pc.equal(pc.floor(wide), wide))
        array = pc.cast(pc.if_else(is_whole, wide, None), pa.int64())
    return array.cast(pa.string())


def _from_units(array: pa.Array, factor: float) -> pa.Array:
    _refuse_hexadecimal(array)
    floating = pa.types.is_floating(array.type)
    array = array.cast(pa.float64()) if floating else array
    if floating and factor >= 1:
        micros = pc.cast(pc.round(pc.multiply(array, factor)), pa.int64())
    elif factor < 1:
        counts = pc.cast(pc.floor(array) if floating else array, pa.int64())
        micros = pc.if_else(pc.less(counts, 0), -1, pc.divide(counts, 1000))  # divide() would round -1 to 0
    else:
        micros = pc.multiply_checked(pc.cast(array, pa.int64()), int(factor))
    return micros.cast(UTC)


def _from_excel(array: pa.Array, cast: Conversion) -> pa.Array:
    _refuse_hexadecimal(array)
    days = pc.subtract(pc.cast(array, pa.float64()), EXCEL_DAY_OF_1970)
    milliseconds = pc.cast(pc.round(pc.multiply(days, MILLISECONDS_PER_DAY), round_mode="half_to_even"), pa.int64())
    return cast(milliseconds.cast(pa.timestamp("ms")))


def _refuse_hexadecimal(array: pa.Array) -> None:
    if pa.types.is_string(array.type) and pc.any(pc.match_substring(array, "x", ignore_case=True)).as_py():
        raise pa.ArrowInvalid("a hexadecimal number is not a time")


def _from_local(array: pa.Array, zone: str) -> pa.Array:
    """Cast local times. Raises ArrowInvalid for ambiguous and nonexistent times, which times.py handles."""
    local = pc.cast(array, pa.timestamp("us"))
    if pc.any(pc.greater_equal(local, END_OF_DAYLIGHT_RULES)).as_py():
        raise pa.ArrowInvalid("times for which Arrow does not know daylight saving time")
    return pc.assume_timezone(local, zone).cast(UTC)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
