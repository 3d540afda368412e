"""Split the text of a CSV file into records. Line numbers are physical lines of the file.

Python's csv module parses the fields; Arrow does if there are no quotes. A quote that is not meant as one must not hide
rows: if each line of a record of several lines is a row by itself, with quotes as text, the lines are the rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import pyarrow as pa

from etsyml_cli.ingest.formats.cells import BATCH_ROWS
from etsyml_cli.ingest.formats.csv_dialect import Dialect
from etsyml_cli.ingest.formats.csv_layout import Layout
from etsyml_cli.ingest.formats.csv_plain import read_plain
from etsyml_cli.ingest.formats.files import InputFile, whole_lines


@dataclass
class Chunk:
    """A chunk of a file, split into complete records."""

    text: str  # marked
    lines_before: int
    dialect: Dialect
    records: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # first physical line of each record in `text`
    ends: list[int] = field(default_factory=list)  # one past the last physical line of each record
    bad_lines: list[int] = field(default_factory=list)  # lines that cannot be parsed
    stray_quotes: list[int] = field(default_factory=list)  # lines that were read with quotes as text
    remainder: str = ""  # an incomplete record at the end
    arrays: list[pa.Array] | None = None  # the columns, if each line is a row; then there are no records

    @cached_property
    def lines(self) -> list[str]:
        return _lines_of(self.text)

    @cached_property
    def n_lines(self) -> int:
        return len(self.lines)

    def line_number(self, line: int) -> int:
        """The 1-based number in the file of a line of this chunk."""
        return self.lines_before + line + 1

    def raw(self, first: int, last: int) -> bytes:
        """The bytes of lines as they are in the file."""
        return self.dialect.unmark("".join(self.lines[first:last])).encode("utf-8", "surrogateescape")


def read_chunks(file: InputFile, layout: Layout, positions: Sequence[int]) -> Iterator[Chunk]:
    """The records after the header, or the columns at these positions, in chunks.

    An incomplete record at the end of a chunk moves to the next one.
    """
    remainder, lines_before = "", 0
    pieces = whole_lines(file)
    piece = next(pieces, None)
    while piece is not None:
        following = next(pieces, None)
        text = piece.decode("utf-8", "surrogateescape")
        if lines_before < layout.first_line:
            text, n = _without_lines(text, layout.first_line - lines_before)
            lines_before += n
        chunk = Chunk(remainder + layout.dialect.mark(text), lines_before, layout.dialect)
        plain = read_plain(chunk.text, layout, positions, file.csv.empty)
        if plain:
            chunk.arrays, chunk.n_lines = plain
        else:
            _read_records(chunk, layout, at_end=following is None)
            _unmark(chunk)
            _skip_blanks_before_quotes(chunk)
        yield chunk
        remainder, piece = chunk.remainder, following
        lines_before += chunk.n_lines - len(_lines_of(remainder))


def _read_records(chunk: Chunk, layout: Layout, *, at_end: bool) -> None:
    if _read_lines(chunk):
        return
    start = 0
    while start < len(chunk.lines):
        start = _read_quoted(chunk, start, layout, at_end)


def _read_lines(chunk: Chunk) -> bool:
    """Read text in which each line is a record. Return False for any other."""
    end = "\n" if not chunk.text or chunk.text.endswith("\n") else "\n\n"  # a blank line: in an open quote, no record
    reader = chunk.dialect.reader(io.StringIO(chunk.text + end, newline=""))
    try:
        records = list(islice(reader, BATCH_ROWS))
        if reader.line_num > len(records):  # do not read all in vain
            return False
        records += reader
    except csv.Error:
        return False
    if reader.line_num != len(records) or records.pop():
        return False
    chunk.n_lines = len(records)
    chunk.starts = [line for line, record in enumerate(records) if record]
    chunk.ends = [line + 1 for line in chunk.starts]
    chunk.records = [record for record in records if record]
    return True


def _read_quoted(chunk: Chunk, start: int, layout: Layout, at_end: bool) -> int:
    """Read records from line `start` on; return the line at which to continue."""
    exhausted = False

    def lines() -> Iterator[str]:
        nonlocal exhausted
        yield from map(chunk.lines.__getitem__, range(start, len(chunk.lines)))  # no slice: it would copy
        exhausted = True

    reader = chunk.dialect.reader(lines())
    done = start
    try:
        for record in reader:
            if exhausted:  # end of the lines inside a quoted field
                break
            end = start + reader.line_num
            if end > done + 1 and not _is_record(chunk.lines[done:end], layout):
                break
            if record:
                chunk.records.append(record)
                chunk.starts.append(done)
                chunk.ends.append(end)
            done = end
        else:
            return len(chunk.lines)
    except csv.Error:  # a field that is too long: perhaps all lines after a stray quote
        exhausted = False
    if exhausted and not at_end:
        chunk.remainder = "".join(chunk.lines[done:])
        return len(chunk.lines)
    _read_stray_quote(chunk, done, layout)
    return done + 1


def _is_record(lines: list[str], layout: Layout) -> bool:
    """Whether lines are one record: its quotes close at the end of a field, and the lines are not rows themselves."""
    try:
        for _ in layout.dialect.reader(lines, "strict"):
            pass
        return layout.is_quoted or not _are_rows(lines, layout)
    except csv.Error:
        return False


def _are_rows(lines: list[str], layout: Layout) -> bool:
    """Whether each line is a row by itself, with quotes as text."""
    dialect = layout.dialect
    if not dialect.quote or len(layout.header) == 1:
        return False
    if not dialect.escape and lines[0].count(dialect.separator) < len(layout.header) - 1:
        return False  # as of most texts of several lines
    records = list(dialect.reader(lines, "unquoted"))
    return len(records) == len(lines) and all(_fits(record, layout) for record in records)


def _read_stray_quote(chunk: Chunk, line: int, layout: Layout) -> None:
    """Read a line with quotes as text."""
    try:
        record = next(layout.dialect.reader([chunk.lines[line]], "unquoted"))
    except csv.Error:
        record = []
    if not _fits(record, layout):
        chunk.bad_lines.append(line)
        return
    chunk.records.append(record)
    chunk.starts.append(line)
    chunk.ends.append(line + 1)
    chunk.stray_quotes.append(line)


def _fits(record: list[str], layout: Layout) -> bool:
    """Whether the record has as many fields as the header; one empty field more is dropped later."""
    n = len(layout.header)
    if layout.takes_rest:
        return len(record) >= n
    return len(record) == n or (len(record) == n + 1 and not record[-1])


def _unmark(chunk: Chunk) -> None:
    dialect = chunk.dialect
    if dialect.has_marks and not chunk.text.isascii():
        chunk.records = [[dialect.unmark_field(field) for field in record] for record in chunk.records]


def _skip_blanks_before_quotes(chunk: Chunk) -> None:
    """Read `a, "b, c"` as two fields, although the second begins with a blank."""
    dialect = chunk.dialect
    start = f"{dialect.separator} {dialect.quote}"
    if dialect.quote is None or dialect.separator == " " or start not in chunk.text:
        return
    for i, line in enumerate(chunk.starts):
        if chunk.ends[i] == line + 1 and start in chunk.lines[line]:
            try:
                (record,) = dialect.reader([chunk.lines[line]], "without blanks")
            except csv.Error:
                continue  # text that happens to look like this
            chunk.records[i] = [dialect.unmark_field(field) for field in record]


def _without_lines(text: str, n: int) -> tuple[str, int]:
    """The text after its first n lines, and how many of them it had."""
    stream = io.StringIO(text, newline="")
    skipped = sum(1 for _ in islice(stream, n))
    return stream.read(), skipped


def _lines_of(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()
