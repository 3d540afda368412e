"""Read ads from JSON objects as rows of the impressions table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.click_model import input_columns
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.values import parse
from etsyml_cli.io.schema import ARROW_TYPES, Column, table_schema
from etsyml_cli.io.text import numbered_lines

MAX_FLOAT = sys.float_info.max
EXPECTED = {
    pa.string(): "text",
    pa.float64(): "a number",
    ARROW_TYPES["time"]: "a time with a time zone, as in 2026-11-25T13:00:00Z",
}

NONE = type(None)
PLAIN: dict[pa.DataType, set[type]] = {
    pa.string(): {str, NONE},
    pa.float64(): {float, int, NONE},
    pa.int32(): {int, NONE},
}

Numbered = tuple[int, dict[str, Any]]  # line number from 1, and the object on that line


def json_objects(rows: Iterable[bytes]) -> Iterator[Numbered]:
    """Yield the objects of JSON Lines with their line numbers. Raises InputError if a line is not a JSON object."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    for number, line in numbered_lines(rows):
        try:
            yield number, decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"line {number}: not a JSON object ({error})") from None


def as_batch(objects: list[Numbered], config: CtrConfig) -> pa.RecordBatch:
    """The fields that the model reads, with the types of the impressions table; null if an object lacks a field.

    Raises InputError, with the line, if a value has a wrong type.
    """
    return pa.record_batch({name: _column(objects, name, _type_of(name)) for name in input_columns(config)})


def _column(objects: list[Numbered], name: str, kind: pa.DataType) -> pa.Array:
    """Convert the values of a field, all at once if all have the right type, else one by one."""
    values = [row.get(name) for _, row in objects]
    if {*map(type, values)} <= PLAIN.get(kind, set()):
        try:
            return _without_blanks(pa.array(values, kind))
        except (pa.ArrowInvalid, OverflowError):
            pass  # a number is too large; the conversion one by one finds which
    return _without_blanks(pa.array([_value(row.get(name), name, kind, number) for number, row in objects], kind))


def _without_blanks(values: pa.Array) -> pa.Array:
    """Text of spaces only becomes null, as in `ingest`."""
    if not pa.types.is_string(values.type):
        return values
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, pa.string()), values)


def _type_of(name: str) -> pa.DataType:
    column = _declared(name)
    kind = ARROW_TYPES[column.kind] if column else pa.string()
    return pa.string() if pa.types.is_list(kind) else kind


def _declared(name: str) -> Column | None:
    return table_schema("impressions").column(name) or table_schema("listings").column(name)


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _value(value: Any, name: str, kind: pa.DataType, line: int) -> str | float | datetime | None:
    """A JSON value as text, number or time. A list of texts becomes one text, and an id may be a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_FLOAT
    if value is None:
        return None
    if _declared(name) is None:
        ingested: str | None = parse(value, "feature", Rules())
        return ingested
    if kind == pa.string():
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return " ".join(value)
    elif pa.types.is_timestamp(kind):
        if isinstance(value, str) and (time := _time(value)):
            return time
    elif is_number and (pa.types.is_floating(kind) or (value == int(value) and abs(value) < 1 << 31)):
        return float(value) if pa.types.is_floating(kind) else int(value)
    expected = EXPECTED.get(kind, "a whole number")
    raise InputError(f"line {line}: {name}: expected {expected}, got {msgspec.json.encode(value).decode()}")
