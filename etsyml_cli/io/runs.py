"""Ranked lists as files: JSON Lines (whole lists), CSV and Parquet (a row for each listing), TREC runs.

The extension says which. The file appears whole or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import msgspec

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Plan, to_json
from etsyml_cli.io.atomic import file_writer, new_file, refuse_link, whole_file
from etsyml_cli.io.trec import query_key

RankedList = dict[str, Any]  # {subject: ..., "items": [{"rank": 1, "id": ..., "score": ..., "title": ...}, ...]}
Row = dict[str, Any]

RUN_TAG = "etsyml"
_JSON = msgspec.json.Encoder(decimal_format="number")
ROWS_AT_ONCE = 1 << 16
RUN_BY_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def write_lists(
    lists: Iterable[RankedList],
    path: Path,
    *,
    subject: str,
    columns: Sequence[str] | None = None,
    force: bool | None = None,
) -> int:
    """Write lists as they come and return how many; `subject` is the key that says what a list is for.

    `columns` are those of CSV and Parquet where they are not those of a ranked list; TREC holds only the latter.
    Raises UsageError for an extension that stands for no format and, without `force`, for a file that etsyml did not
    write; DataError for an id that TREC's cannot hold.
    """
    suffix = path.suffix.lower().removeprefix(".")
    formats = [name for name in (*TEXT_FORMATS, PARQUET) if columns is None or name != "trec"]
    columns = columns or columns_of(subject)
    if suffix not in formats:
        known = [f".{name}" for name in formats]
        raise UsageError(f"{path}: no format has this ending", hint=did_you_mean(f".{suffix}", known))
    counted = Counted(lists)
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
    """Write lists as JSON Lines and return how many; those that a stopped run of the same plan wrote are kept.

    `lists_from(n)` gives all lists but the first n. The file appears when it is whole; until then a hidden file next
    to it holds the lists so far, and another one the plan. Raises UsageError as `write_lists` does.
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
            _print_jsonl(counted, file, "")
        writer.put(partial)
        planned.unlink()
    return done + counted.n


def _whole_lines(path: Path) -> int:
    """How many lines a file has, once a last one without an end is cut off."""
    count = end = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                count, end = count + 1, end + len(line)
    with path.open("r+b") as file:
        file.truncate(end)
    return count


def print_lists(lists: Iterable[RankedList], file: TextIO, text_format: str, *, subject: str) -> None:
    """Write lists to an open file as jsonl, csv or trec. Raises UsageError for another format."""
    if text_format not in TEXT_FORMATS:
        raise UsageError(f"no format is called {text_format!r}", hint=did_you_mean(text_format, TEXT_FORMATS))
    TEXT_FORMATS[text_format](lists, file, columns_of(subject))


class Counted:
    """An iterable that knows how many it has given."""

    def __init__(self, lists: Iterable[RankedList]) -> None:
        self.n = 0
        self._lists = lists

    def __iter__(self) -> Iterator[RankedList]:
        for one in self._lists:
            self.n += 1
            yield one


def spreadsheet_safe(value: Any) -> Any:
    """The value of a CSV cell; text that a spreadsheet would run as a formula gets a leading quote."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RUN_BY_A_SPREADSHEET) else value


def trec_lines(one: RankedList, subject: str) -> Iterator[str]:
    """`qid Q0 docno rank score tag` for each item; the qid is the subject, its words joined by `_`."""
    qid = query_key(one[subject])
    for item in one["items"]:
        if item["id"].split() != [item["id"]]:
            raise DataError(f"the id {item['id']!r} cannot stand in a TREC run", hint="Write .jsonl, .csv or .parquet.")
        yield f"{qid} Q0 {item['id']} {item['rank']} {item['score']!r} {RUN_TAG}\n"


def columns_of(subject: str) -> list[str]:
    """The columns of a ranked list in CSV and Parquet, the subject first."""
    return [subject, "rank", "id", "score", "title", *(["fallback"] if subject == "user_id" else [])]


def _rows(lists: Iterable[RankedList], columns: Sequence[str]) -> Iterator[Row]:
    """A row for each item: what the list says of itself, then what the item says. A list without items is a row."""
    for one in lists:
        for item in one.get("items", [{}]):
            values = one | item
            yield {name: values.get(name) for name in columns}


def _print_jsonl(lists: Iterable[RankedList], file: TextIO, _columns: Sequence[str]) -> None:
    file.writelines(_JSON.encode(one).decode() + "\n" for one in lists)


def _print_csv(lists: Iterable[RankedList], file: TextIO, columns: Sequence[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in _rows(lists, columns):
        writer.writerow([spreadsheet_safe(value) for value in row.values()])


def _print_trec(lists: Iterable[RankedList], file: TextIO, columns: Sequence[str]) -> None:
    for one in lists:
        file.writelines(trec_lines(one, columns[0]))


def _write_parquet(lists: Iterable[RankedList], path: Path, columns: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"rank": pa.int32(), "place": pa.int32(), "style": pa.int32(), "fallback": pa.bool_()}
    numbers = ("score", "share", "coherence", "probability", "lift", "bid", "ctr", "price")
    types |= dict.fromkeys(numbers, pa.float64())
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    rows = map(_with_floats, _rows(lists, columns))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _with_floats(row: Row) -> Row:
    """Arrow turns no decimal into a float by itself."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


TEXT_FORMATS: dict[str, Callable[[Iterable[RankedList], TextIO, Sequence[str]], None]] = {
    "jsonl": _print_jsonl,
    "csv": _print_csv,
    "trec": _print_trec,
}
PARQUET = "parquet"
