"""TREC files: qrels, the judged grade of documents for a query, and runs, ranked lists with scores. Plain or .gz;
`-` is stdin.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.io.atomic import whole_file

Qrels = dict[str, dict[str, int]]  # query -> document -> grade; grades below 1 are not relevant
Run = dict[str, dict[str, float]]  # query -> document -> score

QRELS_COLUMNS = ("query", "iteration", "document", "grade")
RUN_COLUMNS = ("query", "Q0", "document", "rank", "score", "tag")
LARGEST_SCORE = 3.4028235e38  # of float32, as which trec_eval compares scores
LARGEST_GRADE = 2**31 - 1
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Number = TypeVar("Number", int, float)


def query_key(query: str) -> str:
    """How a query is written in a TREC file: its words joined by `_`, `_` where it has none."""
    return "_".join(query.split()) or "_"


def read_qrels(path: Path) -> Qrels:
    """The grades in a qrels file, `query iteration document grade` a line, in the order of its lines.

    Raises InputError, naming the line, for what is no such line and DataError for a file without one and for a
    document that has two different grades for one query.
    """
    qrels: Qrels = {}
    for number, (query, _, document, written) in _lines(path, QRELS_COLUMNS):
        grade = _number(written, int, LARGEST_GRADE, "grade", f"{path}:{number}")
        if qrels.setdefault(query, {}).setdefault(document, grade) != grade:
            raise DataError(
                f"{path}:{number}: {document} has the grade {grade} for {query}, and {qrels[query][document]} before",
                hint="Keep one line for each query and document.",
            )
    return qrels


def read_run(path: Path) -> Run:
    """The scores in a run, `query Q0 document rank score tag` a line; ranks are not looked at, as in trec_eval.

    Raises InputError, naming the line, for what is no such line and for a score that is no finite float32, and
    DataError for a file without a line and for a document that stands twice in one list.
    """
    run: Run = {}
    for number, (query, _, document, _, written, _) in _lines(path, RUN_COLUMNS):
        listed = run.setdefault(query, {})
        if document in listed:
            raise DataError(
                f"{path}:{number}: {document} stands twice in the list of {query}", hint="Keep one of its lines."
            )
        listed[document] = _number(written, float, LARGEST_SCORE, "score", f"{path}:{number}")
    return run


def write_qrels(rows: Iterable[tuple[str, str, int]], path: Path, *, force: bool | None = None) -> int:
    """Write (query, document, grade) as they come and return how many; the file appears whole or not at all.

    Raises DataError for a document that is not one word; a query is written as its `query_key`.
    """
    count = 0
    with whole_file(path, force=force) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        for query, document, grade in rows:
            if document.split() != [document]:
                raise DataError(f"the id {document!r} cannot stand in a TREC file", hint="Ids must be one word each.")
            file.write(f"{query_key(query)} 0 {document} {grade}\n")
            count += 1
    return count


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The number, from 1, and the fields of each line that is not blank."""
    found = False
    for number, line in _numbered(path):
        fields = _fields(line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line, f"{path}:{number}")
        if not fields:
            continue
        if len(fields) != len(columns):
            raise InputError(
                f"{path}:{number}: {len(fields)} fields, not {len(columns)}", hint=f"A line is: {' '.join(columns)}"
            )
        found = True
        yield number, fields
    if not found:
        raise DataError(f"{path}: no line in it", hint=f"A line is: {' '.join(columns)}")


def _numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers from 1. Raises InputError for a .gz that is broken."""
    with Path("/dev/stdin" if str(path) == "-" else path).open("rb") as file:  # once: a pipe gives its bytes once
        packed = file.peek(2).startswith(GZIP_MAGIC)
        try:
            yield from enumerate(gzip.GzipFile(fileobj=file) if packed else file, 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: broken gzip file ({error})", hint="Copy or pack it again.") from None


def _fields(line: bytes, where: str) -> list[str]:
    """Split at blanks and tabs alone: other white space of Unicode may stand in an id."""
    if b"\0" in line:
        raise InputError(f"{where}: a NUL byte", hint="A text file is expected, plain or .gz.")
    try:
        return [field.decode() for field in line.split()]
    except UnicodeDecodeError:
        raise InputError(f"{where}: not UTF-8 text") from None


def _number(text: str, kind: Callable[[str], Number], largest: float, what: str, where: str) -> Number:
    """The number that `text` writes, if it is one and at most `largest` away from 0."""
    try:
        number = kind(text if text.isascii() and "_" not in text else "")  # Python would take 1_0 and ١ for numbers
    except ValueError:
        raise InputError(f"{where}: the {what} {text!r} is no {'whole ' * (kind is int)}number") from None
    if not abs(number) <= largest:  # NaN fails this too
        raise InputError(f"{where}: the {what} {text} is not finite or too large")
    return number
