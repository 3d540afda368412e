"""Parse single values: the reference implementation, which decides every value or gives the reason for rejecting it.

`columns.py` converts whole columns and calls this module for the values that it cannot decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.values.lists import list_in_text
from etsyml_cli.ingest.values.numbers import MAX_EXACT_INTEGER, number_of_kind
from etsyml_cli.ingest.values.photo_paths import CONTROL, expect_one_path, photo_parts, photo_path
from etsyml_cli.ingest.values.rules import Rules, event_key
from etsyml_cli.ingest.values.times import parse_time
from etsyml_cli.io.rejects import BadValueError, Reason
from etsyml_cli.io.schema import Kind

MAX_ID_BYTES = 512
POINT_ZERO = r"-?[0-9]+\.0+"  # a whole number as a float column is written
_CONTROL = re.compile(CONTROL)
_POINT_ZERO = re.compile(POINT_ZERO)
POWER_OF_TEN = r"^\d+([.,]\d+)?[eE]\+\d+$"  # 1.23E+12, what spreadsheets make of long numbers
_POWER_OF_TEN = re.compile(POWER_OF_TEN, re.ASCII)
_FLAGS = {"true": 1, "t": 1, "yes": 1, "y": 1, "false": 0, "f": 0, "no": 0, "n": 0}


def parse(value: Any, kind: Kind, rules: Rules) -> Any:
    """Parse a value for this kind of column (a time to microseconds since 1970, UTC); None if it is empty.

    Raises BadValueError.
    """
    value = _decode(value)
    return None if _is_empty(value) else _PARSERS[kind](value, rules)


def text_of(value: Any) -> str:
    """The text of a cell as an event or another text is read; for a message if it has none."""
    try:
        return _text(value, Rules()).strip()
    except BadValueError:
        return str(value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _decode(value: Any) -> Any:
    """Bytes as text, other values as they are."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise BadValueError(Reason.NOT_UTF8) from None


def _id(value: Any, rules: Rules) -> str:
    if isinstance(value, float | Decimal) and value == value // 1:
        value = int(value)  # pandas stores integers as floats in a column with missing values
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadValueError(Reason.NOT_AN_ID)
    text = str(value).strip()
    if _CONTROL.search(text):
        raise BadValueError(Reason.CONTROL_CHARACTER)
    if isinstance(value, str) and _POWER_OF_TEN.fullmatch(text):
        raise BadValueError(Reason.ID_AS_POWER_OF_TEN)
    if len(text.encode()) > MAX_ID_BYTES:
        raise BadValueError(Reason.ID_TOO_LONG)
    return text.partition(".")[0] if rules.whole_ids and _POINT_ZERO.fullmatch(text) else text


def _text(value: Any, _rules: Rules) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and abs(value) < MAX_EXACT_INTEGER and value == int(value):
        return str(int(value))  # 5 and 5.0 are the same number
    if isinstance(value, float):
        return str(pc.cast(pa.scalar(value), pa.string()).as_py())
    if isinstance(value, int | Decimal | date):
        return str(value)
    raise BadValueError(Reason.NOT_TEXT)


def _feature(value: Any, rules: Rules) -> str:
    if isinstance(value, list | dict):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return _text(value, rules)


def _tags(value: Any, rules: Rules) -> list[str] | None:
    """A list, or text split at `|`, or at `,` and `;` if it has no `|` (RecBole's lists: at spaces)."""
    tags = _listed_tags(value, rules) if isinstance(value, str) else value
    if not isinstance(tags, list) or not {*map(type, tags)} <= {str, int, float, NoneType}:
        raise BadValueError(Reason.NOT_TAGS)
    texts = [_text(tag, rules).strip() for tag in tags if tag is not None]
    return [text for text in texts if text] or None


def _listed_tags(text: str, rules: Rules) -> list[Any]:
    elements = list_in_text(text)
    if elements is not None:
        return elements
    return re.split(r"\s+" if rules.space_separated_tags else r"\|" if "|" in text else "[,;]", text)


def _number_parser(kind: Kind) -> Callable[[Any, Rules], float | int]:
    return lambda value, rules: number_of_kind(value, kind, rules.decimal)


def _flag(value: Any, rules: Rules) -> int:
    if isinstance(value, str | bool) and str(value).strip().lower() in _FLAGS:
        return _FLAGS[str(value).strip().lower()]
    try:
        return int(number_of_kind(value, "flag", rules.decimal))
    except BadValueError:
        raise BadValueError(Reason.NOT_A_FLAG) from None


def _event(value: Any, rules: Rules) -> str:
    try:
        event = rules.events.get(event_key(_text(value, rules)))
    except BadValueError:
        event = None
    if event is None:
        raise BadValueError(Reason.UNKNOWN_EVENT)
    return event


def _path(value: Any, rules: Rules) -> str:
    expect_one_path(value, rules.image_root)
    return photo_path(value, rules.image_root)


def _paths(value: Any, rules: Rules) -> list[str] | None:
    """A list, or text split at `|`, or at `,` and `;` if it names no file and each part looks like a photo."""
    parts = map(_decode, photo_parts(value, rules.image_root))
    paths = [photo_path(part, rules.image_root) for part in parts if not _is_empty(part)]
    return list(dict.fromkeys(paths)) or None


_PARSERS: dict[Kind, Callable[[Any, Rules], Any]] = {
    "id": _id,
    "text": _text,
    "feature": _feature,
    "tags": _tags,
    "time": parse_time,
    "price": _number_parser("price"),
    "number": _number_parser("number"),
    "count": _number_parser("count"),
    "position": _number_parser("position"),
    "flag": _flag,
    "event": _event,
    "path": _path,
    "paths": _paths,
}
