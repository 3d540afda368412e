"""How values are parsed: time zone, time unit, event names, image root."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.ingest.config import IngestConfig, TimeUnit
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

    def with_space_separated_tags(self) -> Rules:
        return replace(self, space_separated_tags=True)


def build_rules(config: IngestConfig, image_root: str) -> Rules:
    """Build the rules from `config`. Raises UsageError for an unknown time zone or event."""
    for source, target in config.event_map.items():
        if target not in EVENTS:
            raise UsageError(
                f"--event-map {source}={target}: unknown event {target!r}", hint=did_you_mean(target, EVENTS)
            )
    events = {event: event for event in EVENTS} | {k.strip().casefold(): v for k, v in config.event_map.items()}
    return Rules(_zone(config.tz), config.time_unit, events, image_root)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"--tz {name}: unknown time zone", hint="Use a name such as UTC or America/New_York."
        ) from None
