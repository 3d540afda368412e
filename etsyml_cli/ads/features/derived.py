"""Hour and day of the week of a row's time, in UTC, as columns that can be features like those of a table."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc

DERIVED_COLUMNS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "hour": pc.hour,
    "weekday": pc.day_of_week,  # 0 is Monday
}
CLOCK_TYPE = pa.int64()


def add_time_columns(rows: pa.RecordBatch, time: str, wanted: Collection[str]) -> pa.RecordBatch:
    """The rows and those of CLOCK that are wanted, made of the column `time`; a column that is there stays."""
    for name, part_of in DERIVED_COLUMNS.items():
        if name in wanted and name not in rows.schema.names and time in rows.schema.names:
            rows = rows.append_column(name, part_of(rows.column(time)).cast(CLOCK_TYPE))
    return rows
