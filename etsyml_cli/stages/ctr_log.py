"""The impressions table as a stream: days and label counts of its rows, batch by batch, in time order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError, UsageError, did_you_mean
from etsyml_cli.ingest.split import DaySplit, days_of, last_days, share_of_days
from etsyml_cli.io.tables import open_table

CLICKED, CONVERTED = "clicked", "converted"
EVENTS = {CLICKED: "click", CONVERTED: "conversion"}  # what can be predicted -> what to call one of it
BATCH_ROWS = 1 << 16
TIME = "created_at"


class RowGroup(NamedTuple):
    """Row group `number` of the file: its rows from `start` on, and the days that they span."""

    number: int
    start: int
    first_day: int
    last_day: int


@dataclass(frozen=True)
class AdLog:
    """What one look at the times of the table tells; of its rows every `every`-th is used.

    `label` says which event is counted: CLICKED or CONVERTED.
    """

    path: Path
    columns: dict[str, pa.DataType]
    groups: list[RowGroup]
    rows_of_day: dict[int, int]
    in_order: bool
    every: int
    label: str = CLICKED

    def rows(self, first_day: int, end_day: int) -> int:
        """How many rows lie in first_day … end_day − 1."""
        return sum(rows for day, rows in self.rows_of_day.items() if first_day <= day < end_day)

    def days(self) -> NDArray[np.int64]:
        """The days that have rows."""
        return np.array(sorted(self.rows_of_day), np.int64)

    def until(self, last_day: int) -> AdLog:
        """The log as it was at the end of this day."""
        return replace(self, rows_of_day={day: rows for day, rows in self.rows_of_day.items() if day <= last_day})

    def batches(self, columns: list[str], first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
        """Rows of first_day … end_day − 1 by time, equal times in the file's order; time and labels come along."""
        wanted = list(dict.fromkeys([TIME, *columns, *self._labels()]))
        source = self._as_stored(wanted, first_day, end_day) if self.in_order else self._sorted(wanted)
        for batch in source:
            days = _days(batch)
            inside = (days >= first_day) & (days < end_day)
            if inside.any():
                yield batch if inside.all() else batch.filter(pa.array(inside))

    def _labels(self) -> list[str]:
        if self.label == CONVERTED or CLICKED in self.columns:
            return [self.label]
        return ["clicks", "impressions"]

    def _as_stored(self, columns: list[str], first_day: int, end_day: int) -> Iterator[pa.RecordBatch]:
        file = open_table(self.path, "impressions")
        for group in self.groups:
            if group.last_day < first_day or group.first_day >= end_day:
                continue
            row = group.start
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group.number], columns=columns):
                yield batch.filter(_every(row, batch.num_rows, self.every)) if self.every > 1 else batch
                row += batch.num_rows

    def _sorted(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        from etsyml_cli.io.sql import database  # only a table out of order needs DuckDB

        names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        query = f"""
            SELECT {names} FROM read_parquet(?, file_row_number=true)
            WHERE file_row_number % {self.every} = 0 ORDER BY {TIME}, file_row_number
        """  # noqa: S608  names are quoted
        with TemporaryDirectory() as scratch, database(Path(scratch)) as connection:
            yield from connection.sql(query, params=[str(self.path)]).to_arrow_reader(BATCH_ROWS)


def open_log(path: Path, limit: int | None, label: str = CLICKED) -> AdLog:
    """Look at the times of the impressions table. With `limit`, evenly spread rows are used, so that all days stay.

    Raises UsageError for a label that is none of EVENTS, InputError where the table does not hold it.
    """
    file = open_table(path, "impressions")
    _expect_label(path, columns_of(file), label)
    every = 1 if limit is None else max(1, -(-file.metadata.num_rows // limit))
    groups, rows_of_day = [], Counter[int]()
    in_order, last, start = True, None, 0
    for index in range(file.num_row_groups):
        times = _microseconds(file.read_row_group(index, [TIME]))
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
    return AdLog(path, columns_of(file), groups, dict(rows_of_day), in_order, every, label)


def columns_of(file: pq.ParquetFile) -> dict[str, pa.DataType]:
    """The columns of a table and what they hold."""
    schema = file.schema_arrow
    return dict(zip(schema.names, schema.types, strict=True))


def split_days(log: AdLog, share: float | None) -> DaySplit:
    """The last day for the test, or this share of the days, 0 for none; the day before for validation."""
    days = log.days()
    if share == 0:
        return last_days(days, test_days=0, valid_days=min(1, int(days[-1] - days[0])))
    return last_days(days, test_days=1 if share is None else share_of_days(days, share), valid_days=1)


def counts(rows: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Events and impressions of each row of an AdLog, both (N,). A row that was seen once has one impression."""
    labels = [rows.column(name) for name in (*EVENTS, "clicks", "impressions") if name in rows.schema.names]
    if any(label.null_count for label in labels):
        raise DataError("the impressions table has rows without a label", hint="A label is 0 or 1. Ingest it again.")
    clicks, *impressions = (label.to_numpy().astype(np.float64) for label in labels)
    return clicks, impressions[0] if impressions else np.ones(rows.num_rows)


def day_by_day(rows: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows in time order, cut where a day ends."""
    days = _days(rows)
    starts = np.flatnonzero(np.diff(days, prepend=-1))
    for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True):
        yield int(days[start]), rows.slice(start, end - start)


def click_rate(log: AdLog, first_day: int, end_day: int) -> float:
    """Events by impression of first_day … end_day − 1. Raises DataError where there are none, or nothing else."""
    clicked = shown = 0.0
    for rows in log.batches([], first_day, end_day):
        clicks, impressions = counts(rows)
        clicked += float(clicks.sum())
        shown += float(impressions.sum())
    if not 0 < clicked < shown:
        what = f"no {EVENTS[log.label]}" if clicked <= 0 else f"{EVENTS[log.label]}s only"
        raise DataError(f"{log.path}: the rows to train on hold {what}", hint="Is it the right label column?")
    return clicked / shown


def _expect_label(path: Path, columns: Collection[str], label: str) -> None:
    if label not in EVENTS:
        raise UsageError(f"nothing learns {label!r}", hint=did_you_mean(label, EVENTS))
    if label == CONVERTED and CONVERTED not in columns:
        raise InputError(
            f"{path}: has no column {CONVERTED!r}", hint="Ingest the impressions with it: 1 where one led to a sale."
        )
    if label == CONVERTED and CLICKED not in columns:
        raise InputError(
            f"{path}: a row counts several impressions", hint="Conversions need a row for each impression."
        )


def _days(batch: pa.RecordBatch) -> NDArray[np.int64]:
    return days_of(_microseconds(batch))


def _microseconds(rows: pa.RecordBatch | pa.Table) -> NDArray[np.int64]:
    times = rows.column(TIME)
    if times.null_count:
        raise InputError("the impressions table has rows without a time", hint="Ingest it again.")
    microseconds: NDArray[np.int64] = times.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return microseconds


def _every(row: int, n: int, step: int) -> pa.Array:
    """Which of the n rows from `row` on have a number that `step` divides."""
    return pa.array(np.arange(row, row + n) % step == 0)
