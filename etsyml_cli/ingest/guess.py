"""Guesses about foreign columns, from their names and a sample of their values: what `ingest --check` proposes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from etsyml_cli.ingest.mapping import plain_name, suggest, whole_groups
from etsyml_cli.ingest.rules import Rules
from etsyml_cli.ingest.values import BadValueError, parse
from etsyml_cli.io.schema import EVENTS, Column, Kind, TableSchema

ENOUGH = 0.9  # share of the values that must be of a kind

Samples = dict[str, list[Any]]  # foreign column -> some of its values that are not empty

_EVENT_WORDS = {
    "impression": ("impression", "view", "views", "shown", "show", "seen", "display", "exposure"),
    "click": ("click", "clicked", "clickout", "open", "detail"),
    "cart": ("cart", "add_to_cart", "addtocart", "add", "basket", "cart_add"),
    "purchase": ("purchase", "purchased", "buy", "order", "transaction", "sale", "conversion"),
}
_FIRST_SECOND = 100_000_000  # 1973, as a count of seconds: ids and years lie below
_UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))


def kind_of(values: Sequence[Any]) -> str:
    """The narrowest kind of value that nearly all of these are."""
    if not values:
        return "empty"
    if time_unit_of(values):
        return "time as number"
    kinds: dict[str, Kind] = {"flag": "flag", "whole number": "count", "number": "number"}
    for name, kind in kinds.items():
        if _share(values, partial(_parses, kind=kind, rules=Rules())) >= ENOUGH:
            return name
    if _share(values, _is_time) >= ENOUGH:
        return "time without zone" if is_naive(values) else "time"
    if _share(values, lambda value: our_event(value) is not None) >= ENOUGH:
        return "event"
    return "list" if isinstance(values[0], list) else "text"


def time_unit_of(values: Sequence[Any]) -> str | None:
    """The unit in which these numbers would be times between 1973 and 2100; None where they are no such numbers."""
    if _share(values, lambda value: _parses(value, "number", Rules())) < 1:
        return None
    numbers = sorted(float(value) for value in values)
    middle = numbers[len(numbers) // 2] if numbers else 0.0
    return next((unit for unit, scale in _UNITS if _FIRST_SECOND * scale <= middle < 4_102_444_800 * scale), None)


def is_naive(values: Sequence[Any]) -> bool:
    """Whether times among these name no zone."""
    return any(_is_time(value) and not _parses(value, "time", Rules()) for value in values)


def our_event(value: Any) -> str | None:
    """Our name of a foreign event, as far as its word tells."""
    word = plain_name(str(value))
    return next((event for event in EVENTS if word in _EVENT_WORDS[event]), None)


def guess_map(schema: TableSchema, header: Sequence[str], samples: Samples, wanted: dict[str, str]) -> dict[str, str]:
    """`wanted` and, for our columns that nothing fills yet, the foreign column whose name and values suit."""
    chosen = dict(wanted)
    own = [name for name in schema.names() if name in header and name not in chosen]
    free = [name for name in header if name not in {*own, *chosen.values()}]
    for column in (column for column in schema.columns if column.name not in {*own, *chosen}):
        filled = {*own, *(ours for ours, theirs in chosen.items() if theirs)}
        if len(whole_groups(schema, filled | {column.name})) > 1:
            continue
        suited = [name for name in free if suits(samples.get(name, []), column)]
        theirs = suggest(schema, column.name, suited)
        if theirs:
            chosen[column.name] = theirs
            free.remove(theirs)
    return chosen


def suits(values: Sequence[Any], column: Column) -> bool:
    """Whether nearly all of these could stand in the column, were zone, unit and event names known."""
    if column.kind == "time":
        return bool(time_unit_of(values)) or _share(values, _is_time) >= ENOUGH
    if column.kind == "event":
        return _share(values, lambda value: our_event(value) is not None) >= ENOUGH
    return _share(values, lambda value: _parses(value, column.kind, Rules(image_root="/"))) >= ENOUGH


def event_map_of(values: Iterable[Any], known: dict[str, str]) -> dict[str, str]:
    """For each event that has a foreign name its name in ours."""
    foreign = sorted({str(value).strip() for value in values})
    guessed = {name: our_event(name) for name in foreign if name.casefold() not in (*EVENTS, *map(str.casefold, known))}
    return known | {name: event for name, event in guessed.items() if event}


def _share(values: Sequence[Any], fits: Callable[[Any], bool]) -> float:
    return sum(map(fits, values)) / len(values) if values else 0.0


def _is_time(value: Any) -> bool:
    return _parses(value, "time", Rules(tz=ZoneInfo("UTC")))


def _parses(value: Any, kind: Kind, rules: Rules) -> bool:
    try:
        return parse(value, kind, rules) is not None
    except BadValueError:
        return False
