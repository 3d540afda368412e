"""CSV and similar formats, including RecBole's atomic files: the header, and blocks of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.formats.cells import Block, Note, UnreadableRow
from etsyml_cli.ingest.formats.csv_columns import to_arrays, to_cells
from etsyml_cli.ingest.formats.csv_layout import Layout, read_layout
from etsyml_cli.ingest.formats.csv_records import Chunk, read_chunks
from etsyml_cli.ingest.formats.files import Header, InputFile
from etsyml_cli.io.rejects import HINTS, Reason

_RECBOLE = re.compile(r"(.+):(token|token_seq|float|float_seq)")
_BOM = "\ufeff"


def read_header(file: InputFile) -> Header | None:
    """The column names in the first record, `column_N` if a name is empty; None if the file has no record.

    Raises InputError if the header is not UTF-8 or is not the first line, UsageError if `--columns` does not fit.
    """
    layout = read_layout(file)
    if layout is None:
        return None
    if _has_escaped_bytes("".join(layout.header)):
        raise InputError(f"{file.name}: the header is not UTF-8", hint=HINTS[Reason.NOT_UTF8])
    names = [name.strip() or f"column_{number}" for number, name in enumerate(layout.header, 1)]
    typed = [_RECBOLE.fullmatch(name) for name in names]
    space_separated = frozenset(match[1] for match in typed if match and match[2] == "token_seq")
    if not all(typed):
        return Header(tuple(names), is_data=layout.is_data)
    return Header(tuple(match[1] for match in typed if match), space_separated)


def read_blocks(file: InputFile, header: Header, columns: Sequence[str]) -> Iterator[Block]:
    """The rows after the header, in blocks. One extra empty field at the end of a row is dropped and counted."""
    layout = read_layout(file)
    if layout is None:
        return
    positions = {name: header.names.index(name) for name in columns}
    empty = {name: [text for text in file.csv.empty if text not in header.words.get(name, ())] for name in columns}
    notes = {Note.COMMENT: layout.comments} if layout.comments else {}
    for chunk in read_chunks(file, layout, list(positions.values())):
        block = _plain_block(chunk, empty) if chunk.arrays is not None else _block(chunk, layout, positions, empty)
        yield replace(block, notes=notes | block.notes)
        notes = {}


def _plain_block(chunk: Chunk, empty: dict[str, list[str]]) -> Block:
    lines = np.arange(chunk.n_lines, dtype=np.int64) + chunk.lines_before + 1
    return Block(to_cells(chunk.arrays or [], empty, chunk), lines, lambda i: chunk.raw(i, i + 1))


def _block(chunk: Chunk, layout: Layout, positions: dict[str, int], empty: dict[str, list[str]]) -> Block:
    rows, repeated = _without_headers(chunk.records, layout.header)
    rows, wrong, shortened = _split_by_length(chunk.records, rows, layout)
    rows, not_utf8 = _split_by_encoding(chunk, rows)
    unreadable = [
        *(_unreadable(chunk, line, line + 1, Reason.UNCLOSED_QUOTE) for line in chunk.bad_lines),
        *(_unreadable(chunk, chunk.starts[i], chunk.ends[i], Reason.FIELD_COUNT) for i in wrong),
        *(_unreadable(chunk, chunk.starts[i], chunk.ends[i], Reason.NOT_UTF8) for i in not_utf8),
    ]
    noted = {
        Note.TRAILING_EMPTY_FIELD: [chunk.starts[i] for i in shortened],
        Note.STRAY_QUOTE: chunk.stray_quotes,
        Note.REPEATED_HEADER: [chunk.starts[i] for i in repeated],
    }
    return Block(
        to_cells(to_arrays([chunk.records[i] for i in rows], layout, list(positions.values())), empty, chunk, rows),
        np.array([chunk.starts[i] for i in rows], dtype=np.int64) + chunk.lines_before + 1,
        lambda i: chunk.raw(chunk.starts[rows[i]], chunk.ends[rows[i]]),
        sorted(unreadable, key=lambda row: row.line),
        {note: [chunk.line_number(line) for line in lines] for note, lines in noted.items() if lines},
    )


def _without_headers(records: list[list[str]], header: list[str]) -> tuple[list[int], list[int]]:
    """The records that are rows, and those that are the header again, as in files that were concatenated."""
    headers = (header, [_BOM + header[0], *header[1:]])
    if not any(map(records.count, headers)):
        return list(range(len(records))), []
    repeated = [i for i, record in enumerate(records) if record in headers]
    return sorted(set(range(len(records))) - set(repeated)), repeated


def _split_by_length(
    records: list[list[str]], rows: list[int], layout: Layout
) -> tuple[list[int], list[int], list[int]]:
    """The rows with the right and the wrong number of fields; those among the right ones with an extra empty one."""
    n_fields = len(layout.header)
    if layout.takes_rest:
        wrong = [i for i in rows if len(records[i]) < n_fields - 1]
        return sorted(set(rows) - set(wrong)), wrong, []
    if all(len(record) == n_fields for record in records):
        return rows, [], []
    right: list[int] = []
    wrong = []
    shortened: list[int] = []
    for i in rows:
        record = records[i]
        if len(record) == n_fields + 1 and not record[-1]:
            record.pop()
            shortened.append(i)
        (right if len(record) == n_fields else wrong).append(i)
    return right, wrong, shortened


def _split_by_encoding(chunk: Chunk, rows: list[int]) -> tuple[list[int], list[int]]:
    """The rows that are text, and those with bytes that are not."""
    if chunk.text.isascii() or not _has_escaped_bytes(chunk.dialect.unmark(chunk.text)):
        return rows, []
    not_utf8 = [i for i in rows if _has_escaped_bytes("".join(chunk.records[i]))]
    return sorted(set(rows) - set(not_utf8)), not_utf8


def _unreadable(chunk: Chunk, first: int, last: int, reason: Reason) -> UnreadableRow:
    return UnreadableRow(chunk.line_number(first), reason, chunk.raw(first, last))


def _has_escaped_bytes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
