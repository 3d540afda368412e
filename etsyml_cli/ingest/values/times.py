"""Parse single times: the reference, which decides every value or gives the reason for rejecting it.

Text is ISO 8601 or a form that REWRITES turns into it. A number has a unit, or is a date in digits such as 20240301.
`time_columns.py` converts whole columns by the same rules.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from etsyml_cli.ingest.config import TimeUnit
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.io.rejects import BadValueError, Reason

MAX_TIME = 4_102_444_800_000_000  # 2100-01-01 in microseconds
MICROSECONDS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}  # per unit
EXCEL_DAY_OF_1970 = 25_569  # Excel counts days from 1899-12-30
MILLISECONDS_PER_DAY = 86_400_000
MAX_DIGITS = 300  # Python refuses to read integers of thousands of digits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_END_OF_DAY = re.compile(r"(\d{4}-\d{2}-\d{2}[T ])24(:00(?::00(?:[.,]0+)?)?)(Z|[-+]\d{2}:?\d{2})?", re.ASCII)


class Rewrite(NamedTuple):
    """A regular expression and its replacement, for both Python and RE2 (pyarrow)."""

    pattern: str
    replacement: str


_OFFSET = "[-+][0-9]{2}:?[0-9]{2}"
_YEAR = "199[0-9]|20[0-9]{2}"
_TWO = "([0-9]{2})"
_ZEROS = r"(?:\.0*)?$"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MONTH_REWRITES = [  # 01/Mar/2024:10:00:00 and Fri, 01 Mar 2024 10:00:00
    Rewrite(
        f"^(?:[A-Z][a-z]{{2}},? +)?{_TWO}[/ -](?:{name}|{name.upper()})[/ -]([0-9]{{4}})[: ]",
        rf"\2-{number:02}-\1T",
    )
    for number, name in enumerate(_MONTHS, 1)
]
REWRITES = [  # in this order
    Rewrite(r"^\[(.*)\]$", r"\1"),  # as in the logs of a web server
    Rewrite(rf"(Z|{_OFFSET})\[[A-Za-z0-9_+/-]+\]$", r"\1"),  # the name of the zone after its offset
    Rewrite(f"({_OFFSET}) +(?:UTC|GMT)$", r"\1"),
    Rewrite("([0-9]) *(?:UTC|GMT|utc|gmt| Z| z)$", r"\1Z"),
    Rewrite(f"(:[0-9]{{2}}(?:[.,][0-9]+)?|T[0-9]{{6}}) +({_OFFSET})$", r"\1\2"),
    Rewrite("^(?:[A-Z][a-z]{2},? +)?([0-9][/ -][A-Z][A-Za-z]{2}[/ -])", r"0\1"),
    *_MONTH_REWRITES,
    Rewrite("^([0-9]{4})[/-]([0-9])[/-]", r"\1-0\2-"),
    Rewrite("^([0-9]{4})[/-]([0-9]{2})[/-]([0-9])($|[T ])", r"\1-\2-0\3\4"),
    Rewrite(f"^([0-9]{{4}})/{_TWO}/{_TWO}", r"\1-\2-\3"),
    Rewrite("^([0-9-]{10})[T ]([0-9]):", r"\1T0\2:"),
    Rewrite(f"^([0-9]{{4}}){_TWO}{_TWO}[T ]{_TWO}{_TWO}{_TWO}", r"\1-\2-\3T\4:\5:\6"),
    Rewrite(f"^([0-9]{{4}})-?{_TWO}-?{_TWO}Z$", r"\1-\2-\3T00:00Z"),
]
# Whole numbers. None of them is a time between 1990 and 2032 in any unit. Two-digit years are 2000 to 2049 without
# 2020, because 20010115 is rather the day 2001-01-15 than the hour 2020-01-01 15:00.
COMPACT_REWRITES = [
    Rewrite(f"^({_YEAR}){_TWO}{_TWO}{_ZEROS}", r"\1-\2-\3"),
    Rewrite(f"^({_YEAR}){_TWO}{_TWO}{_TWO}{_ZEROS}", r"\1-\2-\3T\4:00"),
    Rewrite(f"^({_YEAR}){_TWO}{_TWO}{_TWO}{_TWO}{_ZEROS}", r"\1-\2-\3T\4:\5"),
    Rewrite(f"^({_YEAR}){_TWO}{_TWO}{_TWO}{_TWO}{_TWO}{_ZEROS}", r"\1-\2-\3T\4:\5:\6"),
    Rewrite(f"^([013-4][0-9]|2[1-9]){_TWO}{_TWO}{_TWO}{_ZEROS}", r"20\1-\2-\3T\4:00"),
]


def parse_time(value: Any, rules: Rules) -> int:
    """Parse a time to microseconds since 1970, UTC. Raises BadValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | date):
        raise BadValueError(Reason.NOT_A_TIME)
    if isinstance(value, str):
        value = value.strip()
    when = _parse(value, rules)
    micros = _in_utc(when, rules.tz) if isinstance(when, date) else when
    if not 0 <= micros < MAX_TIME:
        raise BadValueError(Reason.TIME_OUT_OF_RANGE)
    return micros


def is_number(value: Any) -> bool:
    """Whether the value is a number or the text of one."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def compact_date(value: str | float | Decimal) -> datetime | None:
    """The time that the digits of a number spell, such as 20240301 or 24030110 (an hour); None if they spell none."""
    return _from_iso(_rewritten(_digits(value), COMPACT_REWRITES, expect_change=True))


def _parse(value: str | float | Decimal | date, rules: Rules) -> int | date:
    """Microseconds, or a date or datetime, whose zone may be missing."""
    if isinstance(value, date):
        return value
    if rules.time_format is not None:
        return _from_format(_digits(value), rules.time_format)
    if isinstance(value, str) and not is_number(value):
        return _from_text(value)
    if rules.time_unit is not None:
        return _from_number(value, rules.time_unit)
    when = compact_date(value)
    if when is None:
        raise BadValueError(Reason.BARE_NUMBER_TIME)
    return when


def _from_text(text: str) -> datetime:
    upper = text.upper()  # fromisoformat does not accept a lower-case z
    when = _from_iso(upper) or _from_iso(_rewritten(text, REWRITES).upper())
    if when is None:
        raise BadValueError(Reason.NOT_A_TIME)
    return when


def _from_iso(text: str) -> datetime | None:
    """The time; 24:00 is the end of the day."""
    end_of_day = _END_OF_DAY.fullmatch(text)
    try:
        if end_of_day is None:
            return datetime.fromisoformat(text)
        day, minutes, zone = end_of_day.groups()
        return datetime.fromisoformat(f"{day}00{minutes}{zone or ''}") + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _rewritten(text: str, rewrites: list[Rewrite], *, expect_change: bool = False) -> str:
    before = text
    for pattern, replacement in rewrites:
        text = re.sub(pattern, replacement, text)
    return "" if expect_change and text == before else text


def _from_format(text: str, time_format: str) -> datetime:
    try:
        return datetime.strptime(text, time_format)
    except ValueError:
        raise BadValueError(Reason.NOT_A_TIME) from None


def _digits(value: str | float | Decimal) -> str:
    """The number as text, without a fraction of zeros."""
    whole = isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value)
    return str(int(value) if whole else value)


def _in_utc(value: date, tz: ZoneInfo | None) -> int:
    when = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if when.tzinfo is None:
        if tz is None:
            raise BadValueError(Reason.NAIVE_TIME)
        when = when.replace(tzinfo=tz)  # ambiguous: the earlier; nonexistent: shifted forward
    return (when - _EPOCH) // timedelta(microseconds=1)


def _from_number(value: str | float | Decimal, unit: TimeUnit) -> int | datetime:
    if isinstance(value, str) and _INTEGER.fullmatch(value) and len(value) < MAX_DIGITS:
        value = int(value)
    number = value if isinstance(value, int) else float(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise BadValueError(Reason.NOT_FINITE)
    if unit == "excel":
        return _from_excel(number)
    if unit == "ns":
        return math.floor(number) // 1000
    if isinstance(number, int):
        return number * int(MICROSECONDS[unit])
    micros = number * MICROSECONDS[unit]
    return round(micros) if abs(micros) < MAX_TIME * 2 else -1


def _from_excel(days: float) -> datetime:
    """The local time, to the millisecond, after so many days."""
    try:
        return datetime(1970, 1, 1) + timedelta(milliseconds=round((days - EXCEL_DAY_OF_1970) * MILLISECONDS_PER_DAY))
    except OverflowError:
        raise BadValueError(Reason.TIME_OUT_OF_RANGE) from None
