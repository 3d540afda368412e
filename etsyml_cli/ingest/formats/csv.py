"""CSV and its kin, RecBole's atomic files among them: quoted fields may hold newlines, line numbers stay exact.

Python's csv module reads every field, so that a record means here what it means everywhere in Python.
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
from etsyml_cli.ingest.formats.cells import BATCH_ROWS, Block, Cells, Refused, joined
from etsyml_cli.ingest.formats.files import ForeignFile, Header, whole_lines
from etsyml_cli.io.rejects import Reason

_DELIMITERS = (",", "\t", ";", "|")
_TAB_SUFFIXES = {".tsv", ".tab", ".inter", ".item", ".user"}
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_RECBOLE = re.compile(r"(.+):(token|token_seq|float|float_seq)")


def read_header(file: ForeignFile) -> Header | None:
    """The first record's names; None for a file without one. A column without a name is called by its place."""
    first = next((record for text in _texts(file) for record in text.records), None)
    if first is None:
        return None
    if _has_escaped_bytes("".join(first)):
        raise InputError(
            f"{file.name}: the header is not UTF-8", hint="Convert it: iconv -f LATIN1 -t UTF-8 FILE > NEW"
        )
    names = [name.strip() or f"column_{place}" for place, name in enumerate(first, 1)]
    typed = [_RECBOLE.fullmatch(name) for name in names]
    spaced = frozenset(match[1] for match in typed if match and match[2] == "token_seq")
    if all(typed):
        names = [match[1] for match in typed if match]
    return Header(tuple(names), spaced if all(typed) else frozenset())


def read_blocks(file: ForeignFile, header: Header, wanted: Sequence[str]) -> Iterator[Block]:
    """The rows under the header, block by block. One empty field too many at the end is dropped and counted."""
    places = {name: header.names.index(name) for name in wanted}
    header_passed = False
    for text in _texts(file):
        if not header_passed and text.records:
            del text.records[0], text.firsts[0], text.lasts[0]
            header_passed = True
        yield _block(text, len(header.names), places)


@dataclass
class _Text:
    """Some whole records of a file."""

    text: str
    lines_before: int
    records: list[list[str]] = field(default_factory=list)
    firsts: list[int] = field(
        default_factory=list
    )  # the physical lines of record i in `text`: first, and one past the last
    lasts: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)  # lines on which no record could be read
    rest: str = ""  # a record's beginning whose end is not here

    @cached_property
    def lines(self) -> list[str]:
        return _lines_of(self.text)

    def raw(self, first: int, last: int) -> bytes:
        return "".join(self.lines[first:last]).encode("utf-8", "surrogateescape")


def _texts(file: ForeignFile) -> Iterator[_Text]:
    rest, lines_before, delimiter = "", 0, None
    chunks = whole_lines(file)
    chunk = next(chunks, None)
    while chunk is not None:
        following = next(chunks, None)
        content = rest + chunk.decode("utf-8", "surrogateescape")
        delimiter = delimiter or _delimiter(file, content)
        text = _read_records(_Text(content, lines_before), delimiter, at_end=following is None)
        yield text
        rest, lines_before, chunk = text.rest, lines_before + len(text.lines) - len(_lines_of(text.rest)), following


def _read_records(text: _Text, delimiter: str, *, at_end: bool) -> _Text:
    if '"' not in text.text and _read_plainly(text, delimiter):
        return text
    start = 0
    while start < len(text.lines):
        start = _read_carefully(text, start, delimiter, at_end)
    return text


def _read_plainly(text: _Text, delimiter: str) -> bool:
    """Read a text without quotes: each line is a record, an empty one is none. False for a field that is too long."""
    try:
        records = list(csv.reader(io.StringIO(text.text, newline=""), delimiter=delimiter))
    except csv.Error:
        return False
    text.firsts = [line for line, record in enumerate(records) if record]
    text.lasts = [line + 1 for line in text.firsts]
    text.records = [record for record in records if record]
    return True


def _read_carefully(text: _Text, start: int, delimiter: str, at_end: bool) -> int:
    """Read records from line `start` on; returns the line to go on from."""
    exhausted = False

    def lines() -> Iterator[str]:
        nonlocal exhausted
        yield from map(text.lines.__getitem__, range(start, len(text.lines)))  # a slice would copy for each restart
        exhausted = True

    reader = csv.reader(lines(), delimiter=delimiter)
    done = start
    try:
        for record in reader:
            if exhausted:  # the lines ended inside a quoted field
                break
            end = start + reader.line_num
            if end > done + 1:
                _expect_closed_quotes(text.lines[done:end], delimiter)
            if record:
                text.records.append(record)
                text.firsts.append(done)
                text.lasts.append(end)
            done = end
        else:
            return len(text.lines)
    except csv.Error:
        exhausted = False
    if exhausted and not at_end:
        text.rest = "".join(text.lines[done:])
        return len(text.lines)
    text.broken.append(done)  # give up this one line and go on behind it
    return done + 1


def _expect_closed_quotes(record: list[str], delimiter: str) -> None:
    """Raises csv.Error for a record over several lines whose quotes close in the middle of a field.

    There a stray quote opened a field that swallowed lines up to the next quote.
    """
    for _ in csv.reader(record, delimiter=delimiter, strict=True):
        pass


def _block(text: _Text, n_fields: int, places: dict[str, int]) -> Block:
    refused = [_refused(text, line, line + 1, Reason.UNCLOSED_QUOTE) for line in text.broken]
    trailing_empty: list[int] = []
    rows = list(range(len(text.records)))
    if any(len(record) != n_fields for record in text.records):
        rows, wrong, shortened = _of_right_length(text.records, n_fields)
        trailing_empty = [text.lines_before + text.firsts[i] + 1 for i in shortened]
        refused += [_refused(text, text.firsts[i], text.lasts[i], Reason.FIELD_COUNT) for i in wrong]
    if not text.text.isascii() and _has_escaped_bytes(text.text):
        garbled = [i for i in rows if _has_escaped_bytes("".join(text.records[i]))]
        refused += [_refused(text, text.firsts[i], text.lasts[i], Reason.NOT_UTF8) for i in garbled]
        rows = sorted(set(rows) - set(garbled))
    columns = _columns([text.records[i] for i in rows], places)
    lines = np.array([text.firsts[i] for i in rows], dtype=np.int64) + text.lines_before + 1
    refused.sort(key=lambda one: one.line)
    return Block(columns, lines, lambda i: text.raw(text.firsts[rows[i]], text.lasts[rows[i]]), refused, trailing_empty)


def _columns(records: list[list[str]], places: dict[str, int]) -> dict[str, Cells]:
    parts: list[list[Cells]] = []
    for start in range(0, len(records), BATCH_ROWS):
        fields = list(zip(*records[start : start + BATCH_ROWS], strict=True))
        parts.append([Cells(pa.array(fields[place], pa.string())) for place in places.values()])
    return {name: joined(part[i] for part in parts) for i, name in enumerate(places)}


def _of_right_length(records: list[list[str]], n_fields: int) -> tuple[list[int], list[int], list[int]]:
    right: list[int] = []
    wrong: list[int] = []
    shortened: list[int] = []
    for i, record in enumerate(records):
        if len(record) == n_fields + 1 and not record[-1]:
            record.pop()
            shortened.append(i)
        (right if len(record) == n_fields else wrong).append(i)
    return right, wrong, shortened


def _refused(text: _Text, first: int, last: int, reason: Reason) -> Refused:
    return Refused(text.lines_before + first + 1, reason, text.raw(first, last))


def _has_escaped_bytes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _lines_of(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()


def _delimiter(file: ForeignFile, content: str) -> str:
    if file.delimiter is not None:
        named = _SPELLED.get(file.delimiter, file.delimiter)
        if len(named) != 1 or named in '"\r\n':
            raise UsageError(f"--delimiter {file.delimiter!r}: expected one character, or tab")
        return named
    header = content.lstrip("\r\n").partition("\n")[0]
    suffixes = {suffix.lower() for suffix in file.path.suffixes}
    usual = "\t" if suffixes & _TAB_SUFFIXES else "," if ".csv" in suffixes else ""
    if usual and usual in header:
        return usual
    return max(_DELIMITERS, key=header.count)
