"""How values are parsed: decimal mark, time zone, time unit and format, event names, image root."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.ingest.config import IngestConfig, TimeUnit
from etsyml_cli.ingest.values.numbers import DecimalMark
from etsyml_cli.io.schema import EVENTS

_FORMAT_HINT = "Use the codes of Python's strptime with year, month and day, such as '%d.%m.%Y %H:%M'."


@dataclass(frozen=True)
class Rules:
    """Parsing rules for the values of one ingest."""

    tz: ZoneInfo | None = None
    time_unit: TimeUnit | None = None
    time_format: str | None = None
    events: dict[str, str] = field(
        default_factory=lambda: {event: event for event in EVENTS}
    )  # event in the input, case-folded -> event in the table
    image_root: str = "."  # absolute
    space_separated_tags: bool = False
    decimal: DecimalMark = "."
    whole_ids: bool = False  # the id `196.0` is 196

    def with_space_separated_tags(self) -> Rules:
        return replace(self, space_separated_tags=True)

    def with_whole_ids(self) -> Rules:
        return replace(self, whole_ids=True)


def build_rules(config: IngestConfig, image_root: str) -> Rules:
    """Build the rules from `config`. Raises UsageError for an unknown time zone or event, or a wrong time format."""
    for source, target in config.event_map.items():
        if target not in EVENTS:
            raise UsageError(
                f"--event-map {source}={target}: unknown event {target!r}", hint=did_you_mean(target, EVENTS)
            )
    events = {event: event for event in EVENTS} | {event_key(k): v for k, v in config.event_map.items()}
    return Rules(_zone(config.tz), config.time_unit, _time_format(config), events, image_root, decimal=config.decimal)


def event_key(text: str) -> str:
    """The text of an event without case; 1.0 is 1."""
    return re.sub(r"^(-?[0-9]+)\.0+$", r"\1", text.strip().casefold())


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"--tz {name}: unknown time zone", hint="Use a name such as UTC or America/New_York."
        ) from None


def _time_format(config: IngestConfig) -> str | None:
    """The time format, if it is valid: a time that is written in it is read back with the same day."""
    form = config.time_format
    if form is None:
        return None
    if config.time_unit is not None:
        raise UsageError("--time-format and --time-unit exclude each other", hint="Leave one of them out.")
    if "%Z" in form:
        raise UsageError(
            f"--time-format {form}: names of time zones (%Z) are not understood",
            hint="Use %z for offsets such as +0100, or write the letters of the zone in the format and give --tz ZONE.",
        )
    example = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    try:
        read = datetime.strptime(example.strftime(form), form)
    except (ValueError, re.error):
        raise UsageError(f"--time-format {form}: invalid format", hint=_FORMAT_HINT) from None
    if read.date() != example.date():
        raise UsageError(f"--time-format {form}: no year, month or day", hint=_FORMAT_HINT)
    return form
