"""Rejected rows: why a row was refused, and how that is written down."""

from __future__ import annotations

from enum import StrEnum

import msgspec

RAW_BYTES = 2048


class Reason(StrEnum):
    """Every reason for which ingest refuses a row; scripts count by these words, so they stay as they are."""

    # the row cannot be read
    NOT_UTF8 = "not UTF-8"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not a JSON object"
    FIELD_COUNT = "wrong number of fields"
    UNCLOSED_QUOTE = "unclosed quote or a field above 128 KiB"
    # a value does not fit its column
    MISSING = "missing value"
    NOT_AN_ID = "not an id"
    ID_TOO_LONG = "id too long"
    CONTROL_CHARACTER = "control character in id"
    NOT_TEXT = "not text"
    NOT_TAGS = "not tags"
    NOT_A_NUMBER = "not a number"
    NOT_FINITE = "not a finite number"
    NEGATIVE = "negative number"
    NOT_WHOLE = "not a whole number"
    TOO_LARGE = "number too large"
    POSITION_BELOW_1 = "position below 1"
    NOT_A_FLAG = "not 0 or 1"
    UNKNOWN_EVENT = "unknown event"
    NOT_A_TIME = "not a time"
    NAIVE_TIME = "time without zone"
    BARE_NUMBER_TIME = "number as time without unit"
    TIME_OUT_OF_RANGE = "time out of range"
    NOT_A_PATH = "not a path"
    LIST_OF_PATHS = "list of paths, meant for images"
    PATH_OUTSIDE_ROOT = "path outside the image root"
    # the row contradicts itself or another row
    CLICKS_ABOVE_IMPRESSIONS = "clicks above impressions"
    DUPLICATE_ID = "duplicate id"


WHAT_HELPS = {
    Reason.NAIVE_TIME: "Name the zone of its times: --tz UTC, or --tz America/New_York.",
    Reason.BARE_NUMBER_TIME: "Name the unit of its times: --time-unit s (or ms, us, ns).",
    Reason.UNKNOWN_EVENT: "Name its events in ours: --event-map view=impression.",
    Reason.NOT_A_PATH: "Files below the image root are expected, no URLs. Without them: --map image= --map images=",
    Reason.LIST_OF_PATHS: "Name it as the list that it is: --map images=COLUMN",
    Reason.PATH_OUTSIDE_ROOT: "Name the folder that holds the images: --image-root DIR.",
}


class Reject(msgspec.Struct, frozen=True):
    """A refused row: file, line (1-based; the first one of a record over several), reason, field, raw text."""

    file: str
    line: int
    reason: Reason
    field: str | None  # None: the row as a whole
    raw: str


def encode_reject(reject: Reject) -> bytes:
    """The reject as a line of JSON."""
    return msgspec.json.encode(reject) + b"\n"


def raw_text(raw: bytes) -> str:
    """At most 2 KiB of a row, cut between characters; bytes that are no UTF-8 come as `\\xNN`."""
    raw = raw.rstrip(b"\r\n")
    end = min(len(raw), RAW_BYTES)
    while end < len(raw) and raw[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    return raw[:end].decode("utf-8", "backslashreplace")
