"""The unit of numeric times: which one fits the numbers of a column, and the refusal of one that does not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from etsyml_cli.core.errors import DataError
from etsyml_cli.ingest.config import TimeUnit
from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.sources import Inputs, first_blocks
from etsyml_cli.ingest.values.times import compact_date, is_number
from etsyml_cli.io.rejects import HINTS, Reason

ROWS = 10_000  # the first rows of the input, from which the unit is judged
FIRST, LAST = 1990, 2100  # a unit fits if the median is a time between these years

_SECONDS: dict[TimeUnit, float] = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "excel": 86_400}  # per unit
_DAY_0: dict[TimeUnit, datetime] = {"excel": datetime(1899, 12, 30, tzinfo=UTC)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unit_that_fits(values: Sequence[Any]) -> TimeUnit | None:
    """The unit in which the median of these numbers is a time between 1990 and 2100.

    None if there is none, if a value is not a number, and for dates in digits, such as 20240301, which have no unit.
    """
    if not values or not all(map(is_number, values)) or are_compact_dates(values):
        return None
    return next((unit for unit in _SECONDS if _fits(_median(values), unit)), None)


def are_compact_dates(values: Iterable[Any]) -> bool:
    """Whether all values are numbers that spell a date, such as 20240301 or 24030110 (an hour)."""
    return all(is_number(value) and compact_date(value) is not None for value in values)


def check_time_unit(inputs: Inputs, contract: Contract) -> None:
    """Raise DataError if the time unit puts the median of the first 10,000 rows before 1990 or after 2100."""
    unit = contract.rules.time_unit
    numbers = _numbers(inputs, contract) if unit else []
    if unit is None or not numbers or (_fits(_median(numbers), unit) and not are_compact_dates(numbers)):
        return
    column = contract.mapping.columns["created_at"]
    raise DataError(
        f"--time-unit {unit} does not fit the times: the median of {column}, {_median(numbers):.16g}, "
        f"would be {_describe(_median(numbers), unit)}",
        hint=_hint(numbers, contract),
    )


def time_hint(reason: Reason, inputs: Inputs, contract: Contract) -> str | None:
    """What to do about times that are rejected for this reason; None if the reason is another one."""
    if reason is Reason.BARE_NUMBER_TIME:
        numbers = [number for number in _numbers(inputs, contract) if compact_date(number) is None]
        return _hint(numbers, contract) if numbers else None
    if reason is Reason.NOT_A_TIME and contract.rules.time_format is not None:
        return f"Give the format of the times; --time-format {contract.rules.time_format!r} does not fit them."
    return HINTS.get(reason)


def _hint(numbers: list[Any], contract: Contract) -> str:
    zone = "" if contract.rules.tz else " and give the time zone, such as --tz UTC"
    if are_compact_dates(numbers):
        return f"They are dates in digits, such as YYYYMMDD: leave --time-unit out{zone}."
    unit = unit_that_fits(numbers)
    if unit == "excel":
        return f"They are days since 1899-12-30, as Excel writes them: use --time-unit excel{zone}."
    if unit is not None:
        return f"Use --time-unit {unit}: the median becomes {_describe(_median(numbers), unit)}."
    return "No unit fits these numbers: give their --time-format, or map another column: --map created_at=COLUMN."


def _numbers(inputs: Inputs, contract: Contract) -> list[Any]:
    """The numbers in the column of the times in the first rows."""
    column = contract.mapping.columns.get("created_at")
    if column is None:
        return []
    values: list[Any] = []
    for _, block in first_blocks(inputs, ROWS, [column]):
        cells = block.columns[column]
        values += [*cells.array.to_pylist(), *cells.other_types.values()]
    return [value for value in values if is_number(value)]


def _median(numbers: Sequence[Any]) -> float:
    return sorted(map(_as_float, numbers))[len(numbers) // 2]


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _fits(number: float, unit: TimeUnit) -> bool:
    when = _time(number, unit)
    return when is not None and FIRST <= when.year < LAST


def _time(number: float, unit: TimeUnit) -> datetime | None:
    try:
        return _DAY_0.get(unit, _EPOCH) + timedelta(seconds=number * _SECONDS[unit])
    except (OverflowError, ValueError):  # beyond the year 9999, or not a number
        return None


def _describe(number: float, unit: TimeUnit) -> str:
    when = _time(number, unit)
    return f"{when:%Y-%m-%d}" if when else "after the year 9999" if number > 0 else "before the year 1"
