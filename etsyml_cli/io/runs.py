"""Ranked lists as files: JSON Lines (whole lists), CSV and Parquet (a row for each listing), TREC runs.

The extension says which. The file appears whole or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.io.artifact import whole_file

RankedList = dict[str, Any]  # {subject: ..., "items": [{"rank": 1, "id": ..., "score": ..., "title": ...}, ...]}
Row = dict[str, Any]

RUN_TAG = "etsyml"
ROWS_AT_ONCE = 1 << 16
RUN_BY_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def write_lists(lists: Iterable[RankedList], path: Path, *, subject: str) -> int:
    """Write lists as they come and return how many; `subject` is the key that says what a list is for.

    Raises UsageError for an extension that stands for no format, DataError for an id that TREC's cannot hold.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(f"{path}: no format is called {suffix or 'nothing'!r}", hint=did_you_mean(suffix, WRITERS))
    count = 0

    def counted() -> Iterator[RankedList]:
        nonlocal count
        for one in lists:
            count += 1
            yield one

    with whole_file(path) as partial:
        WRITERS[suffix](counted(), partial, subject)
    return count


def spreadsheet_safe(value: Any) -> Any:
    """The value of a CSV cell; text that a spreadsheet would run as a formula gets a leading quote."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RUN_BY_A_SPREADSHEET) else value


def trec_lines(one: RankedList, subject: str) -> Iterator[str]:
    """`qid Q0 docno rank score tag` for each item; the qid is the subject, its words joined by `_`."""
    qid = "_".join(one[subject].split()) or "_"
    for item in one["items"]:
        if item["id"].split() != [item["id"]]:
            raise DataError(f"the id {item['id']!r} cannot stand in a TREC run", hint="Write .jsonl, .csv or .parquet.")
        yield f"{qid} Q0 {item['id']} {item['rank']} {item['score']!r} {RUN_TAG}\n"


def columns(subject: str) -> list[str]:
    """The columns of CSV and Parquet."""
    return [subject, "rank", "id", "score", "title", *(["fallback"] if subject == "user_id" else [])]


def _rows(lists: Iterable[RankedList], subject: str) -> Iterator[Row]:
    """A row for each item: what the list says of itself, then what the item says."""
    for one in lists:
        for item in one["items"]:
            values = one | item
            yield {name: values.get(name) for name in columns(subject)}


def _write_jsonl(lists: Iterable[RankedList], path: Path, _subject: str) -> None:
    with path.open("wb") as file:
        for one in lists:
            file.write(msgspec.json.encode(one) + b"\n")


def _write_csv(lists: Iterable[RankedList], path: Path, subject: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns(subject))
        for row in _rows(lists, subject):
            writer.writerow([spreadsheet_safe(value) for value in row.values()])


def _write_parquet(lists: Iterable[RankedList], path: Path, subject: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"rank": pa.int32(), "score": pa.float64(), "fallback": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns(subject)])
    rows = _rows(lists, subject)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _write_trec(lists: Iterable[RankedList], path: Path, subject: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for one in lists:
            file.writelines(trec_lines(one, subject))


WRITERS: dict[str, Callable[[Iterable[RankedList], Path, str], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".trec": _write_trec,
}
