"""How values are parsed: decimal mark, time zone, time unit, event names, image root."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.ingest.config import IngestConfig, TimeUnit
from etsyml_cli.ingest.numbers import DecimalMark
from etsyml_cli.io.schema import EVENTS


@dataclass(frozen=True)
class Rules:
    """Parsing rules for the values of one ingest."""

    tz: ZoneInfo | None = None
    time_unit: TimeUnit | None = None
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
    """Build the rules from `config`. Raises UsageError for an unknown time zone or event."""
    for source, target in config.event_map.items():
        if target not in EVENTS:
            raise UsageError(
                f"--event-map {source}={target}: unknown event {target!r}", hint=did_you_mean(target, EVENTS)
            )
    events = {event: event for event in EVENTS} | {event_key(k): v for k, v in config.event_map.items()}
    return Rules(_zone(config.tz), config.time_unit, events, image_root, decimal=config.decimal)


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
