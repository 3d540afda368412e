"""JSON that is not one object per line: arrays, and objects that span lines or hold the rows in a list."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

SCANNED_CHARACTERS = 1 << 20

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[{}\[\]:]')
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Shape:
    """The keys that lead to the first list of objects in a JSON object, and the position of the object's end."""

    list_path: tuple[str, ...] | None
    end: int | None  # None: it does not end in the text


def shape_of(text: str) -> Shape:
    """The shape of the object that `text` begins with, from its first million characters."""
    path: tuple[str, ...] | None = None
    keys: list[str | None] = []  # for each open bracket: the last key of an object, None for a list
    last_text = ""
    for token in _TOKEN.finditer(text, 0, SCANNED_CHARACTERS):
        match token[0]:
            case "{":
                if path is None and len(keys) > 1 and keys[-1] is None and None not in keys[:-1]:
                    path = tuple(key for key in keys if key is not None)
                keys.append("")
            case "[":
                keys.append(None)
            case "}" | "]":
                del keys[-1:]
                if not keys:
                    return Shape(path, token.end())
            case ":":
                if keys and keys[-1] is not None:
                    keys[-1] = last_text
            case _:
                last_text = token[1]
    return Shape(path, None)


def elements_filter(path: tuple[str, ...]) -> str:
    """The jq filter of the elements of the list at `path`."""
    return "".join(f".{key}" if _NAME.fullmatch(key) else f'."{key}"' for key in path) + "[]"


def is_object(line: str | bytes) -> bool:
    """Whether the line is one JSON object."""
    try:
        _OBJECT.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def spans_lines(text: str) -> bool:
    """Whether an object begins on the first line of `text` and does not end there, nor begins again on the second."""
    lines = [line for line in text.splitlines() if line.strip()][:2]
    return len(lines) > 1 and shape_of(lines[0]).end is None and not is_object(lines[1])


def lines_filter(text: str) -> str:
    """The jq filter that writes an object of several lines as JSON Lines: the elements of its list, or itself."""
    shape = shape_of(text)
    several_objects = shape.end is not None and text[shape.end :].strip()
    return "." if several_objects or shape.list_path is None else elements_filter(shape.list_path)
