"""CSV and similar formats, including RecBole's atomic files; quoted fields may contain newlines.

Every field is parsed by Python's csv module. Line numbers are physical lines of the file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.ingest.formats.cells import BATCH_ROWS, Block, Cells, Note, UnreadableRow, concatenate
from etsyml_cli.ingest.formats.files import Header, InputFile, whole_lines
from etsyml_cli.io.rejects import Reason

_DELIMITERS = (",", "\t", ";", "|")
_TAB_SUFFIXES = {".tsv", ".tab", ".inter", ".item", ".user"}
_DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_RECBOLE = re.compile(r"(.+):(token|token_seq|float|float_seq)")


def read_header(file: InputFile) -> Header | None:
    """The column names in the first record, `column_N` if a name is empty; None if the file has no record.

    Raises InputError if the header is not UTF-8.
    """
    first = next((record for chunk in _chunks(file) for record in chunk.records), None)
    if first is None:
        return None
    if _has_escaped_bytes("".join(first)):
        raise InputError(
            f"{file.name}: the header is not UTF-8", hint="Convert it: iconv -f LATIN1 -t UTF-8 FILE > NEW"
        )
    names = [name.strip() or f"column_{number}" for number, name in enumerate(first, 1)]
    typed = [_RECBOLE.fullmatch(name) for name in names]
    space_separated = frozenset(match[1] for match in typed if match and match[2] == "token_seq")
    if all(typed):
        names = [match[1] for match in typed if match]
    return Header(tuple(names), space_separated if all(typed) else frozenset())


def read_blocks(file: InputFile, header: Header, columns: Sequence[str]) -> Iterator[Block]:
    """The rows after the header, in blocks. One extra empty field at the end of a row is dropped and counted."""
    positions = {name: header.names.index(name) for name in columns}
    header_passed = False
    for chunk in _chunks(file):
        if not header_passed and chunk.records:
            del chunk.records[0], chunk.starts[0], chunk.ends[0]
            header_passed = True
        yield _block(chunk, len(header.names), positions)


@dataclass
class _Chunk:
    """A chunk of a file, split into complete records."""

    text: str
    lines_before: int
    records: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # first physical line of each record in `text`
    ends: list[int] = field(default_factory=list)  # one past the last physical line of each record
    bad_lines: list[int] = field(default_factory=list)  # lines that cannot be parsed
    remainder: str = ""  # an incomplete record at the end

    @cached_property
    def lines(self) -> list[str]:
        return _lines_of(self.text)

    def raw(self, first: int, last: int) -> bytes:
        return "".join(self.lines[first:last]).encode("utf-8", "surrogateescape")


def _chunks(file: InputFile) -> Iterator[_Chunk]:
    remainder, lines_before, delimiter = "", 0, None
    pieces = whole_lines(file)
    piece = next(pieces, None)
    while piece is not None:
        following = next(pieces, None)
        content = remainder + piece.decode("utf-8", "surrogateescape")
        delimiter = delimiter or _delimiter(file, content)
        chunk = _read_records(_Chunk(content, lines_before), delimiter, at_end=following is None)
        yield chunk
        remainder, piece = chunk.remainder, following
        lines_before += len(chunk.lines) - len(_lines_of(remainder))


def _read_records(chunk: _Chunk, delimiter: str, *, at_end: bool) -> _Chunk:
    if '"' not in chunk.text and _read_unquoted(chunk, delimiter):
        return chunk
    start = 0
    while start < len(chunk.lines):
        start = _read_quoted(chunk, start, delimiter, at_end)
    return chunk


def _read_unquoted(chunk: _Chunk, delimiter: str) -> bool:
    """Read text without quotes: one record per non-empty line. Return False if a field is too long."""
    try:
        records = list(csv.reader(io.StringIO(chunk.text, newline=""), delimiter=delimiter))
    except csv.Error:
        return False
    chunk.starts = [line for line, record in enumerate(records) if record]
    chunk.ends = [line + 1 for line in chunk.starts]
    chunk.records = [record for record in records if record]
    return True


def _read_quoted(chunk: _Chunk, start: int, delimiter: str, at_end: bool) -> int:
    """Read records from line `start` on; return the line at which to continue."""
    exhausted = False

    def lines() -> Iterator[str]:
        nonlocal exhausted
        yield from map(chunk.lines.__getitem__, range(start, len(chunk.lines)))  # no slice: it would copy
        exhausted = True

    reader = csv.reader(lines(), delimiter=delimiter)
    done = start
    try:
        for record in reader:
            if exhausted:  # end of the lines inside a quoted field
                break
            end = start + reader.line_num
            if end > done + 1:
                _expect_closed_quotes(chunk.lines[done:end], delimiter)
            if record:
                chunk.records.append(record)
                chunk.starts.append(done)
                chunk.ends.append(end)
            done = end
        else:
            return len(chunk.lines)
    except csv.Error:
        exhausted = False
    if exhausted and not at_end:
        chunk.remainder = "".join(chunk.lines[done:])
        return len(chunk.lines)
    chunk.bad_lines.append(done)  # skip this line only
    return done + 1


def _expect_closed_quotes(record: list[str], delimiter: str) -> None:
    """Raise csv.Error if a record of several lines has a closing quote in the middle of a field.

    A stray quote then opened a field that contains all lines up to the next quote.
    """
    for _ in csv.reader(record, delimiter=delimiter, strict=True):
        pass


def _block(chunk: _Chunk, n_fields: int, positions: dict[str, int]) -> Block:
    unreadable = [_unreadable(chunk, line, line + 1, Reason.UNCLOSED_QUOTE) for line in chunk.bad_lines]
    notes: dict[Note, list[int]] = {}
    rows = list(range(len(chunk.records)))
    if any(len(record) != n_fields for record in chunk.records):
        rows, wrong, shortened = _split_by_length(chunk.records, n_fields)
        notes = {Note.TRAILING_EMPTY_FIELD: [chunk.lines_before + chunk.starts[i] + 1 for i in shortened]}
        unreadable += [_unreadable(chunk, chunk.starts[i], chunk.ends[i], Reason.FIELD_COUNT) for i in wrong]
    if not chunk.text.isascii() and _has_escaped_bytes(chunk.text):
        not_utf8 = [i for i in rows if _has_escaped_bytes("".join(chunk.records[i]))]
        unreadable += [_unreadable(chunk, chunk.starts[i], chunk.ends[i], Reason.NOT_UTF8) for i in not_utf8]
        rows = sorted(set(rows) - set(not_utf8))
    columns = _columns([chunk.records[i] for i in rows], positions)
    lines = np.array([chunk.starts[i] for i in rows], dtype=np.int64) + chunk.lines_before + 1
    unreadable.sort(key=lambda row: row.line)
    return Block(columns, lines, lambda i: chunk.raw(chunk.starts[rows[i]], chunk.ends[rows[i]]), unreadable, notes)


def _columns(records: list[list[str]], positions: dict[str, int]) -> dict[str, Cells]:
    parts: list[list[Cells]] = []
    for start in range(0, len(records), BATCH_ROWS):
        fields = list(zip(*records[start : start + BATCH_ROWS], strict=True))
        parts.append([Cells(pa.array(fields[position], pa.string())) for position in positions.values()])
    return {name: concatenate(part[i] for part in parts) for i, name in enumerate(positions)}


def _split_by_length(records: list[list[str]], n_fields: int) -> tuple[list[int], list[int], list[int]]:
    right: list[int] = []
    wrong: list[int] = []
    shortened: list[int] = []
    for i, record in enumerate(records):
        if len(record) == n_fields + 1 and not record[-1]:
            record.pop()
            shortened.append(i)
        (right if len(record) == n_fields else wrong).append(i)
    return right, wrong, shortened


def _unreadable(chunk: _Chunk, first: int, last: int, reason: Reason) -> UnreadableRow:
    return UnreadableRow(chunk.lines_before + first + 1, reason, chunk.raw(first, last))


def _has_escaped_bytes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _lines_of(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()


def _delimiter(file: InputFile, content: str) -> str:
    if file.delimiter is not None:
        delimiter = _DELIMITER_NAMES.get(file.delimiter, file.delimiter)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise UsageError(f"--delimiter {file.delimiter!r}: expected a single character or `tab`")
        return delimiter
    header = content.lstrip("\r\n").partition("\n")[0]
    suffixes = {suffix.lower() for suffix in file.path.suffixes}
    default = "\t" if suffixes & _TAB_SUFFIXES else "," if ".csv" in suffixes else ""
    if default and default in header:
        return default
    return max(_DELIMITERS, key=header.count)
