"""Text in which each line is a row and each quote is as it should be: Arrow reads it faster than the csv module."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from etsyml_cli.ingest.formats.csv_dialect import Dialect
from etsyml_cli.ingest.formats.csv_layout import Layout

_NEWLINE = ord("\n")
_BOM = "\ufeff"


def read_plain(
    text: str, layout: Layout, positions: Sequence[int], empty: Sequence[str]
) -> tuple[list[pa.Array], int] | None:
    """The fields at these positions and the number of lines, if the csv module would give the same; else None."""
    if layout.takes_rest or not _is_simple(text, layout.dialect, empty):
        return None
    try:
        content = text.encode()
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
        if not layout.dialect.is_plain(text) and not _is_well_quoted(content, ends, layout.dialect):
            return None
        table = _read(content, layout, positions)
    except (UnicodeEncodeError, pa.ArrowInvalid):  # bytes that are not UTF-8, or a wrong number of fields
        return None
    has_header = pc.any(pc.is_in(table["0"], pa.array([layout.header[0], _BOM + layout.header[0]]))).as_py()
    if has_header or table.num_rows != _count_lines(content, ends):  # blank lines
        return None
    return [table[str(position)].combine_chunks() for position in positions], table.num_rows


def _is_simple(text: str, dialect: Dialect, empty: Sequence[str]) -> bool:
    """Whether the text has only what Arrow knows: no escapes, formulas, blanks before quotes, or quoted `NULL`."""
    characters = dialect.delimiter + (dialect.quote or "")
    return (
        bool(text)
        and len(dialect.delimiter) == 1
        and characters.isascii()
        and not (dialect.escape and dialect.escape in text)
        and text.count("\r") == text.count("\r\n")
        and '="' not in text
        and (dialect.is_plain(text) or not any(f"{dialect.quote}{one}{dialect.quote}" in text for one in empty))
    )


def _is_well_quoted(content: bytes, ends: NDArray[np.int64], dialect: Dialect) -> bool:
    """Whether each line has only fields in quotes, and fields without any."""
    quote, delimiter = re.escape(dialect.quote or ""), re.escape(dialect.delimiter)
    field = f"(?:{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{quote}{delimiter}]*)"
    offsets = np.concatenate([[0], ends + 1, [len(content)]]).astype(np.int32)
    lines = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(content))
    return bool(pc.all(pc.match_substring_regex(lines, f"^{field}(?:{delimiter}{field})*\r?\n?$")).as_py())


def _read(content: bytes, layout: Layout, positions: Sequence[int]) -> pa.Table:
    names = [str(position) for position in dict.fromkeys([0, *positions])]
    return arrow_csv.read_csv(
        pa.BufferReader(content),
        arrow_csv.ReadOptions(
            use_threads=False, block_size=len(content) + 1, column_names=[str(i) for i in range(len(layout.header))]
        ),
        arrow_csv.ParseOptions(delimiter=layout.dialect.delimiter, quote_char=layout.dialect.quote or False),
        arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=names, strings_can_be_null=False
        ),
    )


def _count_lines(content: bytes, ends: NDArray[np.int64]) -> int:
    """The number of lines; -1 if one is too long for the csv module."""
    longest = int(np.diff(ends, prepend=-1, append=len(content)).max())
    return -1 if longest > csv.field_size_limit() else len(ends) + (not content.endswith(b"\n"))
