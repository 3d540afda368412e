"""Guess mapping, time unit and events from the names and sample values of input columns (`ingest --check`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args
from zoneinfo import ZoneInfo

from etsyml_cli.ingest.config import TimeUnit
from etsyml_cli.ingest.mapping import complete_groups, likely_path, plain_name, suggest
from etsyml_cli.ingest.time_unit import are_compact_dates, unit_that_fits
from etsyml_cli.ingest.values.numbers import DecimalMark
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.values import parse
from etsyml_cli.io.rejects import BadValueError
from etsyml_cli.io.schema import EVENTS, Column, Kind, TableSchema

MIN_SHARE = 0.9  # of the values that must be of a kind
URLS = "URLs"

Samples = dict[str, list[Any]]  # input column -> a sample of its non-empty values

_EVENT_WORDS = {
    "impression": ("impression", "view", "views", "shown", "show", "seen", "display", "exposure"),
    "click": ("click", "clicked", "clickout", "clickthrough", "itemclick", "open", "detail"),
    "cart": ("cart", "addtocart", "add", "basket", "cartadd"),
    "purchase": ("purchase", "purchased", "buy", "order", "transaction", "sale", "conversion"),
}


def guess_kind(values: Sequence[Any]) -> str:
    """The narrowest kind that fits at least 90% of the values."""
    if not values:
        return "empty"
    if _share(values, _is_url) >= MIN_SHARE:
        return URLS
    if unit_that_fits(values) not in (None, "excel"):  # many numbers are no more than a few ten thousands
        return "time as number"
    if are_compact_dates(values):
        return "time without zone"
    kinds: dict[str, Kind] = {"flag": "flag", "whole number": "count", "number": "number"}
    for name, kind in kinds.items():
        if _share(values, partial(_parses, kind=kind, rules=Rules())) >= MIN_SHARE:
            return name
    if _share(values, _is_time) >= MIN_SHARE:
        return "time without zone" if is_naive(values) else "time"
    if _share(values, lambda value: guess_event(value) is not None) >= MIN_SHARE:
        return "event"
    return "list" if isinstance(values[0], list) else "object" if isinstance(values[0], dict) else "text"


def is_naive(values: Sequence[Any], unit: TimeUnit | None = None, time_format: str | None = None) -> bool:
    """Whether some of the values are times without a time zone."""
    without_zone = Rules(time_unit=unit, time_format=time_format)
    with_zone = replace(without_zone, tz=ZoneInfo("UTC"))
    return any(_parses(value, "time", with_zone) and not _parses(value, "time", without_zone) for value in values)


def guess_event(value: Any) -> str | None:
    """The table's event for the name of an input event; None if unknown."""
    word = plain_name(str(value))
    return next((event for event in EVENTS if word in _EVENT_WORDS[event]), None)


def guess_map(
    schema: TableSchema,
    header: Sequence[str],
    samples: Samples,
    user_map: dict[str, str],
    with_gaps: Collection[str] = (),
) -> dict[str, str]:
    """Extend `user_map` with input columns whose names and values match table columns that are not mapped yet.

    Optional columns of the same name are left out if their values do not match. A required id is not read from the
    columns `with_gaps`, which are empty in many rows.
    """
    column_map = dict(user_map)
    own = [name for name in schema.names() if name in header and name not in column_map]
    column_map |= dict.fromkeys((name for name in own if _is_useless(name, schema, samples)), "")
    free = [name for name in header if name not in {*own, *column_map.values()}]
    for column in (column for column in schema.columns if column.name not in {*own, *column_map}):
        filled = {*own, *(target for target, source in column_map.items() if source)}
        if len(complete_groups(schema, filled | {column.name})) > 1:
            continue
        unfit = with_gaps if column.required and column.kind == "id" else ()
        candidates = [name for name in free if name not in unfit and is_compatible(samples.get(name, []), column)]
        source = suggest(schema, column.name, candidates)
        if source:
            column_map[column.name] = source
            free.remove(source)
    return column_map


def guess_inside(
    schema: TableSchema, names: Sequence[str], samples: Samples, user_map: dict[str, str]
) -> dict[str, str]:
    """Extend `user_map` with the likely path in each column of objects that has the name of a table column."""
    column_map = dict(user_map)
    for column in schema.columns:
        inside = [name for name in names if name.startswith(f"{column.name}.")]
        if column.name in names and column.name not in column_map and inside:
            path = likely_path(schema, column.name, inside)
            column_map[column.name] = path if is_compatible(samples.get(path, []), column) else ""
    return column_map


def guess_elements(schema: TableSchema, samples: Samples, user_map: dict[str, str], exploded: str) -> dict[str, str]:
    """Extend `user_map` with the values in the elements of exploded lists, and their position."""
    by_key = {name.removeprefix(f"{exploded}."): name for name in samples if name.startswith(f"{exploded}.")}
    if "#" in by_key and schema.column("position"):
        by_key["position"] = by_key["#"]
    in_elements = {key: samples[name] for key, name in by_key.items()}
    own = {name: name for name in schema.names() if name in samples or name in user_map}
    guessed = guess_map(schema, list(by_key), in_elements, own) | {key: key for key in by_key if schema.column(key)}
    return user_map | {target: by_key[key] for target, key in guessed.items() if target not in own}


def _is_useless(name: str, schema: TableSchema, samples: Samples) -> bool:
    """Whether an optional column has values, and most of them do not fit."""
    column, values = schema.column(name), samples.get(name)
    is_optional = column is not None and not column.required and not any(name in group for group in schema.one_of)
    return bool(values) and column is not None and is_optional and not is_compatible(values or (), column)


def is_compatible(values: Sequence[Any], column: Column) -> bool:
    """Whether at least 90% of the values fit the column, given the right zone, unit, decimal mark and event names."""
    if column.kind == "time":
        return unit_that_fits(values) is not None or _share(values, _is_time) >= MIN_SHARE
    if column.kind == "event":
        return _share(values, lambda value: guess_event(value) is not None) >= MIN_SHARE
    if column.kind in ("path", "paths") and guess_kind(values) == URLS:
        return False
    return any(_fits(values, column.kind, mark) for mark in get_args(DecimalMark))


def guess_decimal(schema: TableSchema, samples: Samples, columns: Mapping[str, str]) -> DecimalMark:
    """A comma if the values of a number column, of the `columns` (table column -> input column), only fit with it."""
    for target, source in columns.items():
        column, values = schema.column(target), samples.get(source, [])
        if column and column.kind in ("price", "number") and not _fits(values, column.kind, "."):
            return "," if _fits(values, column.kind, ",") else "."
    return "."


def _fits(values: Sequence[Any], kind: Kind, decimal: DecimalMark) -> bool:
    rules = Rules(image_root="/", decimal=decimal)
    return _share(values, lambda value: _parses(value, kind, rules)) >= MIN_SHARE


def guess_event_map(values: Iterable[Any], user_map: dict[str, str]) -> dict[str, str]:
    """Extend `user_map` (input event -> table event) with guesses for the events among the values."""
    names = sorted({str(value).strip() for value in values})
    guessed = {
        name: guess_event(name) for name in names if name.casefold() not in (*EVENTS, *map(str.casefold, user_map))
    }
    return user_map | {name: event for name, event in guessed.items() if event}


def _share(values: Sequence[Any], fits: Callable[[Any], bool]) -> float:
    return sum(map(fits, values)) / len(values) if values else 0.0


def _is_url(value: Any) -> bool:
    """Whether it is a URL, or begins a list of URLs."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, str) and first.lstrip(" [\"'").lower().startswith(("http://", "https://"))


def _is_time(value: Any) -> bool:
    return _parses(value, "time", Rules(tz=ZoneInfo("UTC")))


def _parses(value: Any, kind: Kind, rules: Rules) -> bool:
    try:
        return parse(value, kind, rules) is not None
    except BadValueError:
        return False
