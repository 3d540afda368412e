"""Configuration of `ingest`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from etsyml_cli.core.config import Config

TimeUnit = Literal["s", "ms", "us", "ns", "excel"]  # excel: days since 1899-12-30
Dropped = Literal["owner", "bots"]
MergeWeights = Literal["max", "sum"]


class IngestConfig(Config, frozen=True, kw_only=True):
    """Names and formats in the input files, which rows to take, and the share of bad rows that is accepted."""

    # columns
    map: dict[str, str] = msgspec.field(default_factory=dict)  # table column -> column, path or several; "": left out
    columns: tuple[str, ...] = ()  # names of the columns of a file without a header
    explode: str | None = None  # a column of lists; each element becomes a row
    # CSV
    delimiter: str | None = None  # None: detected from the extension, else from the header
    quote: str | None = '"'  # None: quotes are ordinary characters
    escape: str | None = None
    encoding: str = "utf-8"
    empty: tuple[str, ...] = ("\\N", "NULL", "null", "NaN", "nan", "None", "NA", "N/A", "<NA>")  # cells read as empty
    # values
    decimal: Literal[".", ","] = "."
    tz: str | None = None  # time zone of times without one
    time_unit: TimeUnit | None = None  # unit of numeric times
    time_format: str | None = None  # as in Python's strptime
    event_map: dict[str, str] = msgspec.field(default_factory=dict)  # event in the input -> event in the table
    weight_map: dict[str, float] = msgspec.field(default_factory=dict)  # text in the input column of `weight` -> weight
    image_root: str | None = None  # None: the directory of the first file
    # rows
    only: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)  # input column -> values of the rows to take
    drop: tuple[Dropped, ...] = ()
    max_events_per_day: Annotated[int, msgspec.Meta(ge=1)] = 2_000  # of a user; above it, `bots` are dropped
    merge_weights: MergeWeights = "max"  # weight of a favorite that is repeated
    max_bad_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    max_emptied_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1  # of the values of an optional column
