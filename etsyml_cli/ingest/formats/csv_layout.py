"""How a CSV file begins: a `sep=` line, comments, the header, and whether the header is one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.ingest.formats.csv_dialect import DELIMITERS, Dialect, detect_delimiter
from etsyml_cli.ingest.formats.csv_options import CsvOptions
from etsyml_cli.ingest.formats.files import InputFile, whole_lines

SAMPLED_LINES = 50

Rows = list[list[str]]

_COMMENT = "#"
_SEP = re.compile(r'"?sep=(?P<delimiter>[^\r\n"])"?[\r\n]*', re.IGNORECASE)  # Excel writes and obeys it
_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f-]{8,}", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The dialect of a file, its header, and the lines above the first row."""

    dialect: Dialect
    header: list[str]  # the fields of the header as they are in the file, or the names that the user gives
    first_line: int  # number of lines above the first row
    comments: list[int]  # comment lines above the header, 1-based
    takes_rest: bool  # whether the last column is the list of all remaining fields
    is_quoted: bool  # whether each field of the first record is in quotes
    is_data: bool  # whether the header looks like the rows below it


def read_layout(file: InputFile) -> Layout | None:
    """The layout of the file; None if it has no record. Raises InputError or UsageError if it cannot be used."""
    lines = _first_lines(file)
    options = file.csv
    start, given = _after_sep(lines, options.delimiter)
    first = _after_comments(lines, start)
    dialect = _dialect_of(file, lines[first:], given)
    if not _are_comments(lines[start:first], lines[first:], dialect, options):
        first, dialect = start, _dialect_of(file, lines[start:], given)
    if first == len(lines):
        return None
    record, end = _first_record(file, lines, first, dialect)
    evidence = compare(record, _rows(lines[end:], dialect), options.empty)
    if options.columns:
        _expect_row(file, record, evidence)
    elif evidence != "row":
        _expect_no_title(file, lines, end, len(record), dialect)
    return Layout(
        dialect,
        list(options.columns) or record,
        first_line=first if options.columns else end,
        comments=[number + 1 for number in range(start, first) if lines[number].startswith(_COMMENT)],
        takes_rest=options.takes_rest,
        is_quoted=_is_quoted("".join(lines[first:end]), dialect, len(record)),
        is_data=evidence == "row" and not options.columns,
    )


def compare(first: Sequence[str], rows: Rows, empty: Sequence[str] = ()) -> Literal["header", "row"] | None:
    """Whether the first record is a header or a row: its numbers, times and ids are compared with those below it.

    Only columns count whose values are all of one kind. None if there is none, or if they contradict each other.
    """
    same = []
    for i, cell in enumerate(map(str.strip, first)):
        values = {row[i].strip() for row in rows if i < len(row)} - {"", *empty}
        kinds = {_kind(value) for value in values}
        if len(kinds) == 1 and None not in kinds and cell and cell not in empty:
            kind = _kind(cell)
            same += [kind in kinds] if kind in kinds or kind is None else []
    if not same or any(same) != all(same):
        return None
    return "row" if same[0] else "header"


def _kind(value: str) -> str | None:
    """Number, time, or the shape of an id: its runs of letters and digits; None for text without a digit."""
    if _NUMBER.fullmatch(value):
        return "number"
    if not any(character.isdigit() for character in value):
        return None
    if _TIME.fullmatch(value):
        return "time"
    if _HEXADECIMAL.fullmatch(value):
        return "hexadecimal"
    return re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", value))


def _first_lines(file: InputFile) -> list[str]:
    """The first lines, whatever the size of chunks."""
    text = ""
    for piece in whole_lines(file):
        text += piece.decode("utf-8", "surrogateescape")
        if text.count("\n") >= SAMPLED_LINES:
            break
    return list(islice(io.StringIO(text, newline=""), SAMPLED_LINES))


def _after_sep(lines: list[str], delimiter: str | None) -> tuple[int, str | None]:
    """The first line that is not blank or `sep=;`, and the delimiter that the user or this line gives."""
    start = _after_blank(lines, 0)
    sep = _SEP.fullmatch(lines[start]) if start < len(lines) else None
    return (_after_blank(lines, start + 1), delimiter or sep["delimiter"]) if sep else (start, delimiter)


def _after_comments(lines: list[str], start: int) -> int:
    while start < len(lines) and lines[start].startswith(_COMMENT):
        start = _after_blank(lines, start + 1)
    return start


def _after_blank(lines: list[str], start: int) -> int:
    return next((i for i in range(start, len(lines)) if lines[i].strip("\r\n")), len(lines))


def _dialect_of(file: InputFile, lines: list[str], delimiter: str | None) -> Dialect:
    header = lines[0] if lines else ""
    return Dialect(delimiter or detect_delimiter(file.path, header), file.csv.quote, file.csv.escape)


def _are_comments(above: list[str], below: list[str], dialect: Dialect, options: CsvOptions) -> bool:
    """Whether lines that begin with `#` are comments, not a header, or rows whose first field begins with it."""
    rows, last = _rows(below, dialect), _rows(above, dialect)[-1:]
    if not rows or not last:
        return False
    if options.columns:
        return len(last[0]) != len(options.columns) and not options.takes_rest
    is_header = len(last[0]) == len(rows[0]) and compare(rows[0], rows[1:], options.empty) == "row"
    return len(rows[0]) > 1 and not is_header


def _first_record(file: InputFile, lines: list[str], first: int, dialect: Dialect) -> tuple[list[str], int]:
    """The record that begins on line `first`, and the line after it."""
    reader = dialect.reader(map(dialect.mark, lines[first:]), "strict")
    try:
        record, end = next(reader), first + reader.line_num
    except csv.Error:  # a stray quote, or a field that is too long
        record, end = next(iter(_rows(lines[first : first + 1], dialect)), []), first + 1
    if not record:
        raise InputError(f"{file.name}: the first line cannot be read", hint="Expected the names of the columns.")
    return [dialect.unmark_field(field) for field in record], end


def _rows(lines: Iterable[str], dialect: Dialect) -> Rows:
    """The records up to the first that cannot be read."""
    rows = []
    try:
        for record in dialect.reader(map(dialect.mark, lines)):
            if record:
                rows.append([dialect.unmark_field(field) for field in record])
    except csv.Error:
        pass
    return rows


def _is_quoted(text: str, dialect: Dialect, n_fields: int) -> bool:
    return dialect.quote is not None and text.count(dialect.quote) >= 2 * n_fields


def _expect_row(file: InputFile, record: list[str], evidence: str | None) -> None:
    """Raise UsageError if the names of `--columns` do not fit the first record, or if this is another header."""
    options = file.csv
    given, n = ",".join(options.columns), len(options.columns)
    if len(record) != n and not (len(record) == n + 1 and not record[-1]) and not options.takes_rest:
        raise UsageError(
            f"--columns {given}: {n} names, but the first row of {file.name} has {len(record)} fields",
            hint=f"Name each field (a name that the table does not have is left out), or give the --delimiter: "
            f"{', '.join(record[:5])}",
        )
    if evidence == "header" and record != list(options.columns):
        raise UsageError(
            f"--columns {given}: {file.name} has a header: {', '.join(record)}",
            hint=f"Leave out --columns, and map its names: --map {options.columns[0]}={record[0]}",
        )


def _expect_no_title(file: InputFile, lines: list[str], end: int, n_fields: int, dialect: Dialect) -> None:
    """Raise InputError if the header seems to be further below: all lines from there on have the same, larger number
    of fields."""
    fits = n_fields > 1 and any(len(row) == n_fields for row in _rows_with_lines(lines, end, dialect)[0])
    delimiters = (dialect.delimiter,) if fits or file.csv.delimiter else DELIMITERS
    for delimiter in delimiters:
        rows, starts = _rows_with_lines(lines, end, replace(dialect, delimiter=delimiter))
        sizes = [len(row) for row in rows]
        first = next((i for i in range(len(rows) - 1) if len(set(sizes[i:])) == 1), None)
        if first is None or sizes[first] <= n_fields or compare(rows[first], rows[first + 1 :]) == "row":
            continue
        number = starts[first]
        raise InputError(
            f"{file.name}: line {number} and those below it have {sizes[first]} fields, the first line has {n_fields}",
            hint=f"If the header is on line {number}, delete the lines above the header: tail -n +{number} FILE > NEW",
        )


def _rows_with_lines(lines: list[str], start: int, dialect: Dialect) -> tuple[Rows, list[int]]:
    """The records from line `start` on without an empty last field, and the line on which each begins, 1-based."""
    reader = dialect.reader(map(dialect.mark, lines[start:]))
    rows, starts, end = [], [], start
    try:
        for record in reader:
            if record:
                rows.append(record if record[-1] else record[:-1])
                starts.append(end + 1)
            end = start + reader.line_num
    except csv.Error:
        pass
    return rows, starts
