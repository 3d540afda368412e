"""TREC files: qrels (relevance grades of documents for queries) and runs (ranked lists with scores).

Files are plain or gzipped; `-` is stdin. They are read as by trec_eval 10: fields are separated by blanks or tabs,
lines that begin with `#` are comments, and a `#` elsewhere is part of an id.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger
from etsyml_cli.io.atomic import whole_file

Qrels = dict[str, dict[str, int]]  # query -> document -> grade; grades below 1 are not relevant
Run = dict[str, dict[str, float]]  # query -> document -> score

QRELS_COLUMNS = ("query", "iteration", "document", "grade")
RUN_COLUMNS = ("query", "Q0", "document", "rank", "score", "tag")
MAX_SCORE = 3.4028235e38  # of float32, because trec_eval compares scores as float32
MAX_GRADE = 2**31 - 1
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
COMMENT = b"#"
_WHOLE = re.compile(r"^([-+]?\d+)\.0*\Z", re.ASCII)

Number = TypeVar("Number", int, float)


def query_key(query: str) -> str:
    """The query id in a TREC file: the words joined by `_`, or `_` if the query has no words.

    A first word with a leading `#` gets a leading `_`, because a line that begins with `#` is a comment.
    """
    key = "_".join(query.split()) or "_"
    return f"_{key}" if key.startswith("#") else key


def read_qrels(path: Path) -> Qrels:
    """The grades in a qrels file (lines `query iteration document grade`), in the order of its lines.

    The grade 1.0 is read as 1, and 1.5 is malformed (trec_eval would read it as 1 too). Raises InputError for a
    malformed line, DataError for an empty file and for conflicting grades of a document.
    """
    qrels: Qrels = {}
    for number, (query, _, document, written) in _lines(path, QRELS_COLUMNS):
        grade = _number(_WHOLE.sub(r"\1", written), int, MAX_GRADE, "grade", f"{path}:{number}")
        if qrels.setdefault(query, {}).setdefault(document, grade) != grade:
            raise DataError(
                f"{path}:{number}: conflicting grades for ({query}, {document}): {qrels[query][document]} and {grade}",
                hint="Keep one line per query and document.",
            )
    return qrels


def read_run(path: Path) -> Run:
    """The scores in a run (lines `query Q0 document rank score tag`); ranks and further fields are ignored.

    Raises InputError for a malformed line and for a score that is not a finite float32, DataError for an empty file
    and for a duplicate document in a list.
    """
    run: Run = {}
    for number, (query, _, document, _, written, *_) in _lines(path, RUN_COLUMNS, may_have_more=True):
        scores = run.setdefault(query, {})
        if document in scores:
            raise DataError(
                f"{path}:{number}: duplicate document {document} for query {query}", hint="Keep one of its lines."
            )
        scores[document] = _number(written, float, MAX_SCORE, "score", f"{path}:{number}")
    return run


def write_qrels(rows: Iterable[tuple[str, str, int]], path: Path, *, force: bool | None = None) -> int:
    """Write rows of (query, document, grade) atomically and return their number; queries are written as `query_key`.

    Raises DataError for a document id that contains white space.
    """
    count = 0
    with whole_file(path, force=force) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        for query, document, grade in rows:
            if document.split() != [document]:
                raise DataError(
                    f"the id {document!r} cannot be written to a TREC file", hint="Ids must not contain spaces."
                )
            file.write(f"{query_key(query)} 0 {document} {grade}\n")
            count += 1
    return count


def _lines(path: Path, columns: tuple[str, ...], *, may_have_more: bool = False) -> Iterator[tuple[int, list[str]]]:
    """The 1-based number and the fields of each line that is not blank or a comment."""
    n_entries = n_comments = 0
    for number, line in _numbered_lines(path):
        if line.lstrip().startswith(COMMENT):
            n_comments += 1
            continue
        fields = _fields(line, f"{path}:{number}")
        if not fields:
            continue
        if len(fields) < len(columns) or (len(fields) > len(columns) and not may_have_more):
            raise InputError(
                f"{path}:{number}: expected {len(columns)} fields, got {len(fields)}",
                hint=f"Expected lines of: {' '.join(columns)}",
            )
        n_entries += 1
        yield number, fields
    if n_comments:
        logger.info("%s: skipped %s lines of comments (they begin with #)", path, f"{n_comments:,}")
    if not n_entries:
        raise DataError(f"{path}: no entries in the file", hint=f"Expected lines of: {' '.join(columns)}")


def _numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines, without a byte order mark, with their 1-based numbers. Raises InputError for a damaged gzip file."""
    with Path("/dev/stdin" if str(path) == "-" else path).open("rb") as file:  # open once: a pipe cannot be read again
        is_gzipped = file.peek(2).startswith(GZIP_MAGIC)
        try:
            for number, line in enumerate(gzip.GzipFile(fileobj=file) if is_gzipped else file, 1):
                yield number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: damaged gzip file ({error})", hint="Copy or compress it again.") from None


def _fields(line: bytes, where: str) -> list[str]:
    """Split at ASCII white space only, because ids may contain other Unicode white space."""
    if b"\0" in line:
        raise InputError(f"{where}: unexpected NUL byte", hint="Expected a text file, plain or gzipped.")
    try:
        return [field.decode() for field in line.split()]
    except UnicodeDecodeError:
        raise InputError(f"{where}: not UTF-8 text") from None


def _number(text: str, kind: Callable[[str], Number], largest: float, what: str, where: str) -> Number:
    """Parse `text` as a number with an absolute value of at most `largest`."""
    try:
        number = kind(text if text.isascii() and "_" not in text else "")  # Python accepts 1_0 and ١ as numbers
    except ValueError:
        raise InputError(f"{where}: the {what} {text!r} is not {'an integer' if kind is int else 'a number'}") from None
    if not abs(number) <= largest:  # NaN fails this too
        raise InputError(f"{where}: the {what} {text} is not finite or too large")
    return number
