"""A log of impressions, of ads or of search results, as a stream of labeled rows in time order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etsyml_cli.ads.log.row_order import TIME, microseconds, ordered
from etsyml_cli.ads.log.sampling import IMPRESSION_ID
from etsyml_cli.core.days import days_of
from etsyml_cli.core.errors import DataError, InputError, UsageError, did_you_mean
from etsyml_cli.io.joins import Ids, distinct_ids
from etsyml_cli.io.tables import open_table

IMPRESSIONS, SEARCHES = LOGS = ("impressions", "searches")  # tables of impressions
CLICKED, CONVERTED = "clicked", "converted"
EVENTS = {CLICKED: "click", CONVERTED: "conversion"}  # label -> the name of one event
BATCH_ROWS = 1 << 16
EVENT = "event"


class RowGroup(NamedTuple):
    """Row group `number` of the file: its first row, and the first and last day of its rows."""

    number: int
    start: int
    first_day: int
    last_day: int


@dataclass(frozen=True)
class AdLog:
    """A table of kind `table`, one of LOGS: columns, row groups and rows per day; every `every`-th row is used.

    `label` is the event to predict, CLICKED or CONVERTED. In searches, a click is any event except an impression.
    `seed` determines the order of rows of equal time.
    """

    path: Path
    table: str
    columns: dict[str, pa.DataType]
    groups: list[RowGroup]
    rows_of_day: dict[int, int]
    in_order: bool
    every: int
    label: str = CLICKED
    seed: int = 0

    def rows(self, first_day: int, end_day: int) -> int:
        """The number of rows of first_day … end_day − 1."""
        return sum(rows for day, rows in self.rows_of_day.items() if first_day <= day < end_day)

    def days(self) -> NDArray[np.int64]:
        """The days that have rows, ascending."""
        return np.array(sorted(self.rows_of_day), np.int64)

    def until(self, last_day: int) -> AdLog:
        """The log up to and including this day."""
        return replace(self, rows_of_day={day: rows for day, rows in self.rows_of_day.items() if day <= last_day})

    def batches(self, columns: list[str], first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
        """Rows of first_day … end_day − 1 by time, those of equal time by a hash of the row; with time and labels."""
        # all columns, because the order of rows must not depend on `columns`
        stored = [*self.columns, *([EVENT] if self.table == SEARCHES else [])]
        source = self._as_stored(stored, first_day, end_day) if self.in_order else self._sorted(stored)
        inside = (rows for rows in (_inside(batch, first_day, end_day) for batch in source) if rows.num_rows)
        for rows in ordered(inside, self.seed, BATCH_ROWS):
            yield self._with_label(rows.select(self._wanted(columns)))

    def unordered(self, columns: list[str], first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
        """The rows of `batches` in the order of the file."""
        for batch in self._as_stored(self._wanted(columns), first_day, end_day):
            yield self._with_label(_inside(batch, first_day, end_day))

    def listings(self) -> Ids:
        """The distinct listings of the rows."""
        days = self.days()
        pieces = self._as_stored(["listing_id"], days[0], days[-1] + 1)
        ids = distinct_ids(rows.column("listing_id") for rows in pieces)
        return Ids(f"listings of {self.table}", self.path, ids)

    def _wanted(self, columns: list[str]) -> list[str]:
        return list(dict.fromkeys([TIME, *columns, *self._labels()]))

    def _labels(self) -> list[str]:
        if self.table == SEARCHES:
            return [EVENT]
        if self.label == CONVERTED or CLICKED in self.columns:
            return [self.label]
        return ["clicks", "impressions"]

    def _with_label(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        if self.table != SEARCHES:
            return rows
        events = rows.column(EVENT)
        happened = pc.equal(events, "purchase") if self.label == CONVERTED else pc.not_equal(events, "impression")
        return rows.drop_columns([EVENT]).append_column(self.label, happened.cast(pa.int8()))

    def _as_stored(self, columns: list[str], first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
        texts = {name for name, kind in self.columns.items() if pa.types.is_string(kind)}
        file = open_table(self.path, self.table, dictionaries=texts & set(columns) - {IMPRESSION_ID})
        for group in self.groups:
            if group.last_day < first_day or group.first_day >= end_day:
                continue
            row = group.start
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group.number], columns=columns, use_threads=False):
                yield batch.filter(_every(row, batch.num_rows, self.every)) if self.every > 1 else batch
                row += batch.num_rows

    def _sorted(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        from etsyml_cli.io.sql import database  # only a table out of order needs DuckDB

        # columns are numbered: SQL ignores case in names, and file_row_number is DuckDB's own
        number = {name: f"c{i}" for i, name in enumerate(columns_of(open_table(self.path, self.table)))}
        query = f"""
            SELECT {", ".join(number[name] for name in columns)}
            FROM read_parquet(?) AS log({", ".join(number.values())})
            WHERE file_row_number % {self.every} = 0 ORDER BY {number[TIME]}
        """  # noqa: S608
        with TemporaryDirectory() as scratch, database(Path(scratch)) as connection:
            for batch in connection.sql(query, params=[str(self.path)]).to_arrow_reader(BATCH_ROWS):
                yield batch.rename_columns(columns)


def open_log(path: Path, limit: int | None, label: str = CLICKED, table: str = IMPRESSIONS, seed: int = 0) -> AdLog:
    """Read the times of a table of kind `table`. `limit` uses that many evenly spaced rows, so that no day is left out.

    Raises UsageError if the label is unknown, InputError if the table has no such label or rows without a time.
    """
    file = open_table(path, table)
    columns = columns_of(file)
    _check_label(path, table, columns, label)
    if TIME not in columns:
        raise InputError(
            f"{path}: has no {TIME} column, so no test day can be held out", hint=f"Ingest the {table} with {TIME}."
        )
    every = 1 if limit is None else max(1, -(-file.metadata.num_rows // limit))
    groups, rows_of_day = [], Counter[int]()
    in_order, last, start = True, None, 0
    for index in range(file.num_row_groups):
        stored = file.read_row_group(index, [TIME])
        if stored[TIME].null_count:
            raise InputError(f"{path}: has rows without {TIME}", hint=f"Ingest the {table} again with {TIME}.")
        times = microseconds(stored)
        if len(times) == 0:
            continue
        in_order = in_order and bool(np.all(np.diff(times, prepend=times[0] if last is None else last) >= 0))
        days = days_of(times)
        groups.append(RowGroup(index, start, int(days.min()), int(days.max())))
        present, rows = np.unique(days[-start % every :: every], return_counts=True)
        rows_of_day.update(dict(zip(present.tolist(), rows.tolist(), strict=True)))
        last, start = times[-1], start + len(times)
    if not rows_of_day:
        raise DataError(f"{path}: no rows")
    if table == SEARCHES:
        del columns[EVENT]  # it is the label and cannot be a feature
    return AdLog(path, table, columns, groups, dict(rows_of_day), in_order, every, label, seed)


def columns_of(file: pq.ParquetFile) -> dict[str, pa.DataType]:
    """The columns of a table and their types."""
    schema = file.schema_arrow
    return dict(zip(schema.names, schema.types, strict=True))


def counts(rows: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Events and impressions of each row of an AdLog, both (N,). A row that is not an aggregate has one impression."""
    labels = [rows.column(name) for name in (*EVENTS, "clicks", "impressions") if name in rows.schema.names]
    if any(label.null_count for label in labels):
        raise DataError("the impressions table has rows without a label", hint="A label is 0 or 1. Ingest it again.")
    clicks, *several = (label.to_numpy().astype(np.float64) for label in labels)
    impressions = several[0] if several else np.ones(rows.num_rows)
    if not np.all((clicks >= 0) & (clicks <= impressions)):
        raise DataError(
            "a row has negative clicks or more clicks than impressions",
            hint="A label is 0 or 1. Ingest the log again.",
        )
    return clicks, impressions


def day_by_day(rows: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Split rows in time order by day; yields each day with its rows."""
    days = _days(rows)
    starts = np.flatnonzero(np.diff(days, prepend=-1))
    for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True):
        yield int(days[start]), rows.slice(start, end - start)


def _check_label(path: Path, table: str, columns: Collection[str], label: str) -> None:
    if label not in EVENTS:
        raise UsageError(f"unknown label {label!r}", hint=did_you_mean(label, EVENTS))
    if table == SEARCHES:
        return
    if label == CONVERTED and CONVERTED not in columns:
        raise InputError(
            f"{path}: has no column {CONVERTED!r}",
            hint="Ingest the impressions with it: 1 if there was a sale.",
        )
    if label == CONVERTED and CLICKED not in columns:
        raise InputError(
            f"{path}: rows are aggregates (clicks + impressions)", hint="Conversions need one row per impression."
        )


def _days(batch: pa.RecordBatch) -> NDArray[np.int64]:
    return days_of(microseconds(batch))


def _inside(rows: pa.RecordBatch, first_day: int, end_day: int) -> pa.RecordBatch:
    days = _days(rows)
    inside = (days >= first_day) & (days < end_day)
    return rows if inside.all() else rows.filter(pa.array(inside))


def _every(row: int, n: int, step: int) -> pa.Array:
    """A mask of the n rows from number `row` on: those whose number is divisible by `step`."""
    return pa.array(np.arange(row, row + n) % step == 0)
