"""Rejected rows: the reasons, and the records in the rejects file."""

from __future__ import annotations

from enum import StrEnum

import msgspec

RAW_BYTES = 2048


class Reason(StrEnum):
    """All reasons for rejecting a row. Scripts rely on these strings: do not change them."""

    # the row cannot be parsed
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


HINTS = {
    Reason.NOT_AN_ID: "Expected a text or a whole number. Of lists, each element can be a row: --explode COLUMN",
    Reason.NAIVE_TIME: "Give the time zone: --tz UTC, or --tz America/New_York.",
    Reason.BARE_NUMBER_TIME: "Give the unit of the times: --time-unit s (or ms, us, ns).",
    Reason.UNKNOWN_EVENT: "Map the event names: --event-map view=impression.",
    Reason.NOT_A_PATH: "Expected paths below the image root, not URLs. To leave images out: --map image= --map images=",
    Reason.LIST_OF_PATHS: "Map the list to images: --map images=COLUMN",
    Reason.PATH_OUTSIDE_ROOT: "Give the directory that contains the images: --image-root DIR.",
}


class Reject(msgspec.Struct, frozen=True):
    """A rejected row: file, line (1-based, first line of the record), reason, field and raw text."""

    file: str
    line: int
    reason: Reason
    field: str | None  # None: the whole row
    raw: str


def encode_reject(reject: Reject) -> bytes:
    """Encode the reject as a line of JSON."""
    return msgspec.json.encode(reject) + b"\n"


def raw_text(raw: bytes) -> str:
    """At most 2 KiB of a row, cut between characters; bytes that are not UTF-8 are shown as `\\xNN`."""
    raw = raw.rstrip(b"\r\n")
    end = min(len(raw), RAW_BYTES)
    while end < len(raw) and raw[end] & 0xC0 == 0x80:  # inside a multi-byte character
        end -= 1
    return raw[:end].decode("utf-8", "backslashreplace")
