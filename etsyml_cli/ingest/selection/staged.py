"""The staged table in SQL: all valid rows, before rows are excluded and repeats are merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.io.schema import TableSchema

BATCH_ROWS = 1 << 15


def scan(
    sql: duckdb.DuckDBPyConnection, path: Path, schema: TableSchema, columns: Sequence[str] | None = None
) -> list[str]:
    """Let the next query read the table `staged`: these columns of `path` (by default all), and the number of the row.

    Returns the names of the columns in SQL. Columns of the schema keep their name; others get a number (in the order
    of their names, which does not depend on the file), because SQL ignores the case of names.
    """
    file = pq.ParquetFile(path)
    columns = columns or file.schema_arrow.names
    others = sorted(set(columns) - set(schema.names()))
    names = [name if schema.column(name) else f"other {others.index(name)}" for name in columns]
    fields = [file.schema_arrow.field(column).with_name(name) for column, name in zip(columns, names, strict=True)]
    read = pa.schema([*fields, pa.field("row", pa.int64())])
    sql.register("staged", pa.RecordBatchReader.from_batches(read, _batches(file, columns, read)))
    return names


def _batches(file: pq.ParquetFile, names: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    first = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=list(names)):
        rows = pa.array(np.arange(first, first + batch.num_rows))
        yield pa.RecordBatch.from_arrays([*batch.columns, rows], schema=schema)
        first += batch.num_rows
