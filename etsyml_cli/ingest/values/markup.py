"""Decode HTML in the texts of listings: entities such as `&quot;` become characters, tags such as `<b>` go."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from html.entities import html5
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.ingest.formats.cells import Block, Cells, Note, text_bytes

NOTES = {
    "title": Note.HTML_IN_TITLE,
    "description": Note.HTML_IN_DESCRIPTION,
    "tags": Note.HTML_IN_TAGS,
    "category": Note.HTML_IN_CATEGORY,
}

# Only HTML's own names, so that texts such as `size <M>` and `I <3 cats` are kept.
_BLOCKS = (
    "address|article|blockquote|br|center|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|iframe|img|li|main|nav|"
    "ol|p|picture|pre|section|source|table|tbody|td|tfoot|th|thead|tr|ul|video"
)
_INLINE = "abbr|a|bdi|bdo|big|b|cite|code|del|em|font|ins|i|kbd|label|mark|small|span|strike|strong|sub|sup|u|wbr"
_ATTRIBUTES = r"(?:\s[^<>]*=[^<>]*|\s*)"  # not in `a <b or c> d`
_HIDDEN = re.compile(
    r"<(script|style)\b[^<>]*>(?:(?!<\1\b).)*?</\1\s*>|<!--(?:(?!<!--).)*?-->", re.IGNORECASE | re.DOTALL
)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCKS}){_ATTRIBUTES}/?>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}/?>", re.IGNORECASE)
_SPACES = re.compile(r"[ \t]{2,}")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")
_LIST = re.compile(r"\s*\[\s*[\"'{].*\]\s*", re.DOTALL)  # written as JSON or Python
_UNSAFE_IN_LISTS = re.compile(r"[\"'\\\x00-\x1f]")


def decode_block(block: Block, sources: Mapping[str, str]) -> Block:
    """The block with HTML decoded in the columns of NOTES; `sources` maps table columns to input columns.

    An input column that is also read as a column of another kind, such as an id, is kept as it is.
    """
    kept = {source for target, source in sources.items() if target not in NOTES}
    columns, notes = dict(block.columns), dict(block.notes)
    for target in NOTES:
        source = sources.get(target)
        if source is None or source in kept:
            continue
        columns[source], rows = _decode_cells(block.columns[source])
        if rows:
            notes[NOTES[target]] = block.lines[rows].tolist()
    return replace(block, columns=columns, notes=notes)


def decode_html(text: str) -> str:
    """The text without tags and comments, its entities decoded once; a tag that begins a new line becomes a space."""
    return _ENTITY.sub(_character, _without_tags(text))


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    plain = _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", _HIDDEN.sub(" ", text)))
    return text if plain == text else _SPACES.sub(" ", plain).strip()


def _decode_list(text: str) -> str:
    """As `decode_html`, for a list written as JSON or Python: a decoded quote must not end a string."""
    return _ENTITY.sub(lambda entity: _UNSAFE_IN_LISTS.sub(_escaped, _character(entity)), _without_tags(text))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _character(entity: re.Match[str]) -> str:
    name = entity[1]
    return html5.get(f"{name};", entity[0]) if name else html.unescape(entity[0])


def _decode_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode_value(element) for element in value]
    if isinstance(value, dict):
        return {key: _decode_value(element) for key, element in value.items()}
    if not isinstance(value, str):
        return value
    return _decode_list(value) if _LIST.fullmatch(value) else decode_html(value)


def _decode_cells(cells: Cells) -> tuple[Cells, list[int]]:
    """The cells with HTML decoded, and the rows that changed."""
    array, rows = _decode_array(cells.array)
    others = cells.other_types
    changed = _changed(others) if _has_signs(others.values()) else {}
    return Cells(array, others | changed if changed else others), sorted([*rows, *changed])


def _decode_array(array: pa.Array) -> tuple[pa.Array, list[int]]:
    rows = _rows_with_signs(array)
    changed = _changed(dict(zip(rows.tolist(), array.take(rows).to_pylist(), strict=True))) if len(rows) else {}
    if not changed:
        return array, []
    values = pa.array(list(changed.values()), array.type)
    places = np.arange(len(array))
    places[list(changed)] = len(array) + np.arange(len(changed))
    return pa.concat_arrays([array, values]).take(pa.array(places)), list(changed)


def _changed(values: dict[int, Any]) -> dict[int, Any]:
    """The values, by row, that decoding changes."""
    decoded = {row: _decode_value(value) for row, value in values.items()}
    return {row: value for row, value in decoded.items() if value != values[row]}


def _rows_with_signs(array: pa.Array) -> NDArray[np.int64]:
    """The rows whose text, or list of texts, has a sign that begins an entity or a tag, ascending."""
    if pa.types.is_list(array.type):
        return np.arange(len(array)) if len(_rows_with_signs(array.flatten())) else np.empty(0, np.int64)
    if not pa.types.is_string(array.type):
        return np.empty(0, np.int64)
    content = text_bytes(array)
    raw = content.tobytes()
    if b"&" not in raw and b"<" not in raw:  # a quick search, for most texts
        return np.empty(0, np.int64)
    signs = np.flatnonzero((content == ord("&")) | (content == ord("<")))
    bounds = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    return np.unique(np.searchsorted(bounds[1:] - bounds[0], signs, side="right"))


def _has_signs(values: Collection[Any]) -> bool:
    """Whether one of the values, mostly lists of texts, may have such a sign."""
    try:
        text = "".join(chain.from_iterable(values))
    except TypeError:  # other values than texts
        return True
    return "&" in text or "<" in text
