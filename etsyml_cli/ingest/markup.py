"""Decode HTML in the texts of listings: entities such as `&quot;` become characters, tags such as `<b>` go."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from html.entities import html5
from typing import Any

import pyarrow as pa

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
_UNSAFE_IN_LISTS = re.compile(r"[\"'\\\x00-\x1f]")


def decode_block(block: Block, sources: Mapping[str, str]) -> Block:
    """The block with HTML decoded in the columns of NOTES; `sources` maps table columns to input columns.

    An input column that is also read as a column of another kind, such as an id, is kept as it is.
    """
    kept = {source for target, source in sources.items() if target not in NOTES}
    columns, notes = dict(block.columns), dict(block.notes)
    for target in NOTES.keys() & sources.keys():
        if (source := sources[target]) in kept:
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
    if not isinstance(value, str):
        return value
    return _decode_list(value) if value.lstrip().startswith("[") else decode_html(value)


def _decode_cells(cells: Cells) -> tuple[Cells, list[int]]:
    """The cells with HTML decoded, and the rows that changed."""
    array, rows = _decode_array(cells.array)
    others = {row: _decode_value(value) for row, value in cells.other_types.items()}
    rows += [row for row, value in others.items() if value != cells.other_types[row]]
    return Cells(array, others), sorted(rows)


def _decode_array(array: pa.Array) -> tuple[pa.Array, list[int]]:
    if not _has_signs(array):
        return array, []
    texts = array.to_pylist()
    decoded = [_decode_value(text) for text in texts]
    rows = [row for row, (before, after) in enumerate(zip(texts, decoded, strict=True)) if before != after]
    return pa.array(decoded, array.type) if rows else array, rows


def _has_signs(array: pa.Array) -> bool:
    """Whether the bytes of the texts, or of lists of texts, have a sign that begins an entity or a tag."""
    if pa.types.is_list(array.type):
        return _has_signs(array.flatten())
    if not pa.types.is_string(array.type):
        return False
    content = text_bytes(array)
    return bool((content == ord("&")).any() or (content == ord("<")).any())
