"""Rejected rows: the reasons, and the records in the rejects file."""

from __future__ import annotations

from enum import StrEnum

import msgspec

RAW_BYTES = 2048


class Reason(StrEnum):
    """All reasons for rejecting a row or emptying a cell. Scripts rely on these strings: do not change them."""

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
    ID_AS_POWER_OF_TEN = "id in scientific notation, damaged by a spreadsheet"
    NOT_TEXT = "not text"
    NOT_TAGS = "not tags"
    NOT_A_NUMBER = "not a number"
    OTHER_DECIMAL_MARK = "another decimal mark"
    NOT_FINITE = "not a finite number"
    NEGATIVE = "negative number"
    NOT_WHOLE = "not a whole number"
    TOO_LARGE = "number too large"
    POSITION_BELOW_1 = "position below 1"
    NOT_A_FLAG = "not 0 or 1"
    UNKNOWN_EVENT = "unknown event"
    NO_WEIGHT = "no weight for this text"
    NOT_A_TIME = "not a time"
    NAIVE_TIME = "time without zone"
    BARE_NUMBER_TIME = "number as time without unit"
    TIME_OUT_OF_RANGE = "time out of range"
    NOT_A_PATH = "not a path"
    URL = "URL, expected a file"
    LIST_OF_PATHS = "list of paths, meant for images"
    PATH_OUTSIDE_ROOT = "path outside the image root"
    # the row contradicts itself or another row
    CLICKS_ABOVE_IMPRESSIONS = "clicks above impressions"
    DUPLICATE_ID = "duplicate id"


HINTS = {
    Reason.NOT_UTF8: "Give the encoding of the file: --encoding windows-1252 (Western Europe), or the name of another.",
    Reason.ID_AS_POWER_OF_TEN: "Digits are lost: export the file again, and do not save it in a spreadsheet.",
    Reason.POSITION_BELOW_1: "Positions are counted from 1. If yours are counted from 0, add 1 to each position.",
    Reason.NOT_AN_ID: "Expected a text or a whole number. Of lists, each element can be a row: --explode COLUMN",
    Reason.NAIVE_TIME: "Give the time zone: --tz UTC, or --tz America/New_York.",
    Reason.NOT_A_TIME: "Times are read in these forms: 2024-03-01T10:00:00Z, 2024-03-01 10:00:00 UTC, "
    "2024/03/01 10:00, 20240301, 01/Mar/2024:10:00:00 +0000 and Fri, 01 Mar 2024 10:00:00 GMT. For another form, "
    "such as 01.03.2024 10:00, give --time-format '%d.%m.%Y %H:%M'.",
    Reason.NO_WEIGHT: "Add the text to --weight-map, such as --weight-map view=1,purchase=5, or leave its rows out: "
    "--only COLUMN=VALUE,VALUE.",
    Reason.OTHER_DECIMAL_MARK: "Give the decimal mark of the numbers: --decimal , (or --decimal .)",
    Reason.NOT_A_PATH: "Expected paths below the image root.",
    Reason.LIST_OF_PATHS: "Map the list to images: --map images=COLUMN",
    Reason.PATH_OUTSIDE_ROOT: "Give the directory that contains the images: --image-root DIR.",
}


class BadValueError(Exception):
    """A value that does not fit its column."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


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
