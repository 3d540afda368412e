"""Text without quotes and escapes, as in most files: Arrow reads it several times as fast as the csv module."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from etsyml_cli.ingest.formats.csv_layout import Layout

_NEWLINE = ord("\n")


def read_plain(text: str, layout: Layout, positions: Sequence[int]) -> list[pa.Array] | None:
    """The fields at these positions, if each of the N lines is a row and nothing has to be repaired; else None."""
    delimiter = layout.dialect.delimiter
    if layout.takes_rest or not delimiter.isascii() or len(delimiter) != 1 or not _is_plain(text, layout):
        return None
    try:
        content = text.encode()
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(content) + 1, column_names=[str(i) for i in range(len(layout.header))]
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, quote_char=False, double_quote=False),
            arrow_csv.ConvertOptions(
                column_types={str(position): pa.string() for position in positions},
                include_columns=[str(position) for position in positions or [0]],
                strings_can_be_null=False,
            ),
        )
    except (UnicodeEncodeError, pa.ArrowInvalid):  # bytes that are not UTF-8, or a wrong number of fields
        return None
    if table.num_rows != _count_lines(content):  # blank lines
        return None
    return [table[str(position)].combine_chunks() for position in positions]


def _is_plain(text: str, layout: Layout) -> bool:
    return (
        bool(text)
        and layout.dialect.is_plain(text)
        and text.count("\r") == text.count("\r\n")
        and layout.dialect.separator.join(layout.header) not in text
        and '="' not in text
    )


def _count_lines(content: bytes) -> int:
    """The number of lines; -1 if one is too long for the csv module."""
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
    longest = int(np.diff(ends, prepend=-1, append=len(content)).max())
    return -1 if longest > csv.field_size_limit() else len(ends) + (not content.endswith(b"\n"))
