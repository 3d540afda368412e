"""Ranked lists in files: JSON Lines (one list per line), CSV and Parquet (one row per item) and TREC runs.

The file extension selects the format. Files are written atomically.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import msgspec

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Plan, to_json
from etsyml_cli.io.atomic import file_writer, new_file, refuse_link, whole_file
from etsyml_cli.io.ranked import RankedList
from etsyml_cli.io.trec import query_key

Document = msgspec.Struct | Mapping[str, Any]  # one JSON object; its `items`, if any, are documents too
Row = dict[str, Any]

RUN_TAG = "etsyml"
_JSON = msgspec.json.Encoder(decimal_format="number")
ROWS_AT_ONCE = 1 << 16
RUN_BY_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def write_lists(lists: Iterable[RankedList], path: Path, *, subject: str, force: bool | None = None) -> int:
    """Write ranked lists to a .jsonl, .csv, .trec or .parquet file and return their number.

    `subject` is the field that identifies a list, for example "query". Raises UsageError for another extension and,
    without `force`, for an existing file that etsyml did not write; DataError for an id that TREC cannot represent.
    """
    return _write(lists, path, columns_of(subject), [*TEXT_FORMATS, PARQUET], force)


def write_documents(
    documents: Iterable[Document], path: Path, *, columns: Sequence[str], force: bool | None = None
) -> int:
    """Write documents to a .jsonl, .csv or .parquet file and return their number.

    `columns` are the columns of CSV and Parquet, with one row per item of a document. Raises UsageError as
    `write_lists` does.
    """
    return _write(documents, path, columns, [name for name in (*TEXT_FORMATS, PARQUET) if name != "trec"], force)


def _write(
    documents: Iterable[Document], path: Path, columns: Sequence[str], formats: list[str], force: bool | None
) -> int:
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in formats:
        hint = did_you_mean(f".{suffix}", [f".{name}" for name in formats])
        raise UsageError(f"{path}: unknown file extension", hint=hint)
    counted = Counted(documents)
    with whole_file(path, force=force) as partial:
        if suffix == PARQUET:
            _write_parquet(counted, partial, columns)
        else:
            with partial.open("w", encoding="utf-8", newline="") as file:
                TEXT_FORMATS[suffix](counted, file, columns)
    return counted.n


def write_lists_resumably(
    lists_from: Callable[[int], Iterable[RankedList]], path: Path, plan: Plan, *, force: bool | None = None
) -> int:
    """Write lists as JSON Lines and return their number, keeping the lists of an interrupted run of `plan`.

    `lists_from(n)` yields all lists except the first n. Until the file is complete, a hidden file in its directory
    contains the finished lists, and another one the plan. Raises UsageError as `write_lists` does.
    """
    with file_writer(path, force=force) as writer:
        partial, planned = writer.hidden("resumable"), writer.hidden("plan.json")
        refuse_link(partial)
        refuse_link(planned)
        if not partial.is_file() or not planned.is_file() or planned.read_bytes() != to_json(plan):
            new_file(partial)
            new_file(planned)
            planned.write_bytes(to_json(plan))
        done = _whole_lines(partial)
        if done:
            logger.info("%s: resumes after %s lists", path, f"{done:,}")
        counted = Counted(lists_from(done))
        with partial.open("a", encoding="utf-8") as file:
            print_documents(counted, file)
        writer.put(partial)
        planned.unlink()
    return done + counted.n


def _whole_lines(path: Path) -> int:
    """Cut off an incomplete last line and return the number of lines."""
    count = end = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                count, end = count + 1, end + len(line)
    with path.open("r+b") as file:
        file.truncate(end)
    return count


def print_lists(lists: Iterable[RankedList], file: TextIO, text_format: str, *, subject: str) -> None:
    """Write ranked lists to an open file as jsonl, csv or trec. Raises UsageError for another format."""
    if text_format not in TEXT_FORMATS:
        raise UsageError(f"unknown format {text_format!r}", hint=did_you_mean(text_format, TEXT_FORMATS))
    TEXT_FORMATS[text_format](lists, file, columns_of(subject))


def print_documents(documents: Iterable[Document], file: TextIO) -> None:
    """Write documents to an open file as JSON Lines."""
    file.writelines(_JSON.encode(one).decode() + "\n" for one in documents)


class Counted:
    """An iterable that counts the documents it has yielded."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.n = 0
        self._documents = documents

    def __iter__(self) -> Iterator[Any]:
        for one in self._documents:
            self.n += 1
            yield one


def spreadsheet_safe(value: Any) -> Any:
    """The value of a CSV cell; text that a spreadsheet would run as a formula gets a leading quote."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RUN_BY_A_SPREADSHEET) else value


def trec_lines(one: RankedList, subject: str) -> Iterator[str]:
    """Lines `qid Q0 docno rank score tag`, one per item; the qid is the subject, its words joined by `_`."""
    qid = query_key(one.subject(subject))
    for item in one.items:
        if item.id.split() != [item.id]:
            raise DataError(
                f"invalid id {item.id!r}: ids with spaces cannot be written to a TREC run",
                hint="Write .jsonl, .csv or .parquet.",
            )
        yield f"{qid} Q0 {item.id} {item.rank} {item.score!r} {RUN_TAG}\n"


def columns_of(subject: str) -> list[str]:
    """The columns of a ranked list in CSV and Parquet, the subject first."""
    return [subject, "rank", "id", "score", "title", *(["fallback"] if subject == "user_id" else [])]


def _rows(documents: Iterable[Document], columns: Sequence[str]) -> Iterator[Row]:
    """One row per item, with the fields of its document; a document without the field `items` is one row."""
    for document in documents:
        shared = _fields(document)
        for item in shared.get("items", [{}]):
            values = {**shared, **_fields(item)}
            yield {name: values.get(name) for name in columns}


def _fields(document: Document) -> Mapping[str, Any]:
    return msgspec.structs.asdict(document) if isinstance(document, msgspec.Struct) else document


def _print_jsonl(documents: Iterable[Document], file: TextIO, _columns: Sequence[str]) -> None:
    print_documents(documents, file)


def _print_csv(documents: Iterable[Document], file: TextIO, columns: Sequence[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in _rows(documents, columns):
        writer.writerow([spreadsheet_safe(value) for value in row.values()])


def _print_trec(lists: Iterable[RankedList], file: TextIO, columns: Sequence[str]) -> None:
    for one in lists:
        file.writelines(trec_lines(one, columns[0]))


def _write_parquet(documents: Iterable[Document], path: Path, columns: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"rank": pa.int32(), "place": pa.int32(), "style": pa.int32(), "fallback": pa.bool_()}
    numbers = ("score", "share", "coherence", "probability", "lift", "bid", "ctr", "price")
    types |= dict.fromkeys(numbers, pa.float64())
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    rows = map(_with_floats, _rows(documents, columns))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _with_floats(row: Row) -> Row:
    """Convert decimals to floats, which Arrow does not do by itself."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


TEXT_FORMATS: dict[str, Callable[[Iterable[Any], TextIO, Sequence[str]], None]] = {
    "jsonl": _print_jsonl,
    "csv": _print_csv,
    "trec": _print_trec,
}
PARQUET = "parquet"
