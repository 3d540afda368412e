"""Configuration of `ingest`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from etsyml_cli.core.config import Config

TimeUnit = Literal["s", "ms", "us", "ns"]


class IngestConfig(Config, frozen=True):
    """Names and formats in the input files, and the share of bad rows that is accepted."""

    map: dict[str, str] = msgspec.field(
        default_factory=dict
    )  # table column -> input column; "" leaves the table column out
    delimiter: str | None = None  # of CSV; None: detected from the extension, else from the header
    tz: str | None = None  # time zone of times without one
    time_unit: TimeUnit | None = None  # unit of numeric times
    event_map: dict[str, str] = msgspec.field(default_factory=dict)  # event in the input -> event in the table
    max_bad_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    image_root: str | None = None  # None: the directory of the first file
