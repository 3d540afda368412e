"""What one ingest was told about how to read values: zone, unit, event names, image root."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.ingest.config import IngestConfig, TimeUnit
from etsyml_cli.io.schema import EVENTS


@dataclass(frozen=True)
class Rules:
    """How values of one ingest are read."""

    tz: ZoneInfo | None = None
    time_unit: TimeUnit | None = None
    events: dict[str, str] = field(default_factory=lambda: {event: event for event in EVENTS})  # theirs, folded -> ours
    image_root: str = "."  # absolute
    spaced_tags: bool = False  # tags are words parted by spaces

    def with_spaced_tags(self) -> Rules:
        return replace(self, spaced_tags=True)


def rules_of(config: IngestConfig, image_root: str) -> Rules:
    """The rules that `config` sets. Raises UsageError for a zone or an event that does not exist."""
    for theirs, ours in config.event_map.items():
        if ours not in EVENTS:
            raise UsageError(f"--event-map {theirs}={ours}: unknown event {ours!r}", hint=did_you_mean(ours, EVENTS))
    events = {event: event for event in EVENTS} | {k.strip().casefold(): v for k, v in config.event_map.items()}
    return Rules(_zone(config.tz), config.time_unit, events, image_root)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"--tz {name}: unknown zone", hint="A name such as UTC or America/New_York.") from None
