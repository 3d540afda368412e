"""How `ingest` reads foreign files."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from etsyml_cli.core.config import Config

TimeUnit = Literal["s", "ms", "us", "ns"]


class IngestConfig(Config, frozen=True):
    """What foreign files call things, and how many bad rows are too many."""

    map: dict[str, str] = msgspec.field(default_factory=dict)  # our column -> theirs; "" leaves our column out
    delimiter: str | None = None  # of CSV; None: told by the extension, else by the header
    tz: str | None = None  # zone of times that name none
    time_unit: TimeUnit | None = None  # unit of times that are numbers
    event_map: dict[str, str] = msgspec.field(default_factory=dict)  # their event -> ours
    max_bad_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    image_root: str | None = None  # None: the folder of the first file
