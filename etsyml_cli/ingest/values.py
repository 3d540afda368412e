"""Parse single values: the reference implementation, which decides every value or gives the reason for rejecting it.

`columns.py` converts whole columns and calls this module for the values that it cannot decide.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.rules import Rules
from etsyml_cli.io.rejects import Reason
from etsyml_cli.io.schema import Kind

MAX_ID_BYTES = 512
MAX_EXACT_INTEGER = 2**53  # a float represents every integer below it
MAX_TIME = 4_102_444_800_000_000  # 2100-01-01 in microseconds
MICROSECONDS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}  # per unit

# lowest and highest value, and whether it must be an integer
NUMBER_RANGES: dict[str, tuple[float, float, bool]] = {
    "price": (0, 1e300, False),
    "number": (-1e300, 1e300, False),
    "count": (0, MAX_EXACT_INTEGER, True),
    "position": (1, 2**31 - 1, True),
    "flag": (0, 1, True),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(inf|infinity|nan)", re.IGNORECASE)
CONTROL = r"[\x00-\x1f\x7f]"
_CONTROL = re.compile(CONTROL)
POWER_OF_TEN = r"^\d+([.,]\d+)?[eE]\+\d+$"  # 1.23E+12, what spreadsheets make of long numbers
_POWER_OF_TEN = re.compile(POWER_OF_TEN, re.ASCII)
_FLAGS = {"true": 1, "t": 1, "yes": 1, "y": 1, "false": 0, "f": 0, "no": 0, "n": 0}


class BadValueError(Exception):
    """A value that does not fit its column."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def parse(value: Any, kind: Kind, rules: Rules) -> Any:
    """Parse a value for this kind of column (a time to microseconds since 1970, UTC); None if it is empty.

    Raises BadValueError.
    """
    if isinstance(value, bytes):
        value = _decode(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _PARSERS[kind](value, rules)


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadValueError(Reason.NOT_UTF8) from None


def _id(value: Any, _rules: Rules) -> str:
    if isinstance(value, float | Decimal) and value == value // 1:
        value = int(value)  # pandas stores integers as floats in a column with missing values
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadValueError(Reason.NOT_AN_ID)
    text = str(value).strip()
    if _CONTROL.search(text):
        raise BadValueError(Reason.CONTROL_CHARACTER)
    if isinstance(value, str) and _POWER_OF_TEN.fullmatch(text):
        raise BadValueError(Reason.ID_AS_POWER_OF_TEN)
    if len(text.encode()) > MAX_ID_BYTES:
        raise BadValueError(Reason.ID_TOO_LONG)
    return text


def _text(value: Any, _rules: Rules) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and abs(value) < MAX_EXACT_INTEGER and value == int(value):
        return str(int(value))  # 5 and 5.0 are the same number
    if isinstance(value, float):
        return str(pc.cast(pa.scalar(value), pa.string()).as_py())
    if isinstance(value, int | Decimal | date):
        return str(value)
    raise BadValueError(Reason.NOT_TEXT)


def _feature(value: Any, rules: Rules) -> str:
    if isinstance(value, list | dict):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return _text(value, rules)


def _tags(value: Any, rules: Rules) -> list[str] | None:
    """A list, or text split at `|`, or at `,` and `;` if it has no `|` (RecBole's lists: at spaces)."""
    if isinstance(value, str):
        separator = r"\s+" if rules.space_separated_tags else r"\|" if "|" in value else "[,;]"
        tags = re.split(separator, value)
    elif isinstance(value, list) and all(isinstance(tag, str | int) and not isinstance(tag, bool) for tag in value):
        tags = [str(tag) for tag in value]
    else:
        raise BadValueError(Reason.NOT_TAGS)
    return [tag.strip() for tag in tags if tag.strip()] or None


def _number(value: Any) -> float:
    if isinstance(value, str):
        text = value.strip()
        if _NOT_FINITE.fullmatch(text):
            raise BadValueError(Reason.NOT_FINITE)
        if not _NUMBER.fullmatch(text):
            raise BadValueError(Reason.NOT_A_NUMBER)
        value = text
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadValueError(Reason.NOT_A_NUMBER)
    try:
        number = float(value)
    except OverflowError:
        raise BadValueError(Reason.TOO_LARGE) from None
    if not math.isfinite(number):
        raise BadValueError(Reason.NOT_FINITE)
    return number


def _number_parser(kind: Kind) -> Callable[[Any, Rules], float | int]:
    low, high, whole = NUMBER_RANGES[kind]
    too_low = Reason.POSITION_BELOW_1 if kind == "position" else Reason.NEGATIVE

    def parse_number(value: Any, _rules: Rules) -> float | int:
        number = _number(value)
        if number < low:
            raise BadValueError(too_low)
        if number > high:
            raise BadValueError(Reason.TOO_LARGE)
        if whole and number != int(number):
            raise BadValueError(Reason.NOT_WHOLE)
        return int(number) if whole else number

    return parse_number


def _flag(value: Any, rules: Rules) -> int:
    if isinstance(value, str | bool) and str(value).strip().lower() in _FLAGS:
        return _FLAGS[str(value).strip().lower()]
    try:
        return int(_number_parser("flag")(value, rules))
    except BadValueError:
        raise BadValueError(Reason.NOT_A_FLAG) from None


def _event(value: Any, rules: Rules) -> str:
    event = rules.events.get(value.strip().casefold()) if isinstance(value, str) else None
    if event is None:
        raise BadValueError(Reason.UNKNOWN_EVENT)
    return event


def _time(value: Any, rules: Rules) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | date):
        raise BadValueError(Reason.NOT_A_TIME)
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        value = _parse_iso(value.strip())
    micros = _from_date(value, rules) if isinstance(value, date) else _from_number(value, rules)
    if not 0 <= micros < MAX_TIME:
        raise BadValueError(Reason.TIME_OUT_OF_RANGE)
    return micros


def _parse_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper())  # fromisoformat does not accept a lower-case z
    except ValueError:
        raise BadValueError(Reason.NOT_A_TIME) from None


def _from_date(value: date, rules: Rules) -> int:
    when = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if when.tzinfo is None:
        if rules.tz is None:
            raise BadValueError(Reason.NAIVE_TIME)
        when = when.replace(tzinfo=rules.tz)  # ambiguous: the earlier; nonexistent: shifted forward
    return (when - _EPOCH) // timedelta(microseconds=1)


def _from_number(value: str | float | Decimal, rules: Rules) -> int:
    if rules.time_unit is None:
        raise BadValueError(Reason.BARE_NUMBER_TIME)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value.strip())
    number = value if isinstance(value, int) else _number(value)
    if rules.time_unit == "ns":
        return math.floor(number) // 1000
    if isinstance(number, int):
        return number * int(MICROSECONDS[rules.time_unit])
    micros = number * MICROSECONDS[rules.time_unit]
    return round(micros) if abs(micros) < MAX_TIME * 2 else -1


def _path(value: Any, rules: Rules) -> str:
    if isinstance(value, list):
        raise BadValueError(Reason.LIST_OF_PATHS)
    if not isinstance(value, str) or _CONTROL.search(value.strip()) or "://" in value:
        raise BadValueError(Reason.NOT_A_PATH)
    absolute = os.path.normpath(os.path.join(rules.image_root, value.strip()))  # noqa: PTH118  a string operation
    if os.path.commonpath([absolute, rules.image_root]) != rules.image_root or absolute == rules.image_root:
        raise BadValueError(Reason.PATH_OUTSIDE_ROOT)
    return os.path.relpath(absolute, rules.image_root)


def _paths(value: Any, rules: Rules) -> list[str] | None:
    """A list, or text split at `|` only, because file names may contain commas, semicolons and spaces."""
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list) or any(isinstance(part, list) for part in parts):
        raise BadValueError(Reason.NOT_A_PATH)
    paths = [parse(part, "path", rules) for part in parts]
    return list(dict.fromkeys(path for path in paths if path)) or None


_PARSERS: dict[Kind, Callable[[Any, Rules], Any]] = {
    "id": _id,
    "text": _text,
    "feature": _feature,
    "tags": _tags,
    "time": _time,
    "price": _number_parser("price"),
    "number": _number_parser("number"),
    "count": _number_parser("count"),
    "position": _number_parser("position"),
    "flag": _flag,
    "event": _event,
    "path": _path,
    "paths": _paths,
}
