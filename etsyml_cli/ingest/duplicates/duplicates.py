"""Find rows with equal keys, and the changes that leave one row per key, whatever the order of the rows.

Rows of favorites and searches are merged column by column: of favorites the latest time and the largest weight (or the
sum of the weights) are kept, of searches the strongest event, the earliest time and the smallest position, of other
columns the smallest value. An empty cell is filled from the other rows.

Listings and impressions are merged if they are equal. Of different rows with the same id, the latest is kept (of
equally late ones, the first if sorted by their columns, empty cells last), and the others are rejected.

Out of core: SQL over the keys, then over the rows with repeated keys only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.ingest.config import MergeWeights
from etsyml_cli.ingest.selection.staged import scan
from etsyml_cli.io.schema import EVENTS, Column, TableSchema


def key_columns(schema: TableSchema, columns: Iterable[str]) -> list[str]:
    """The key columns of the table; an empty list if one is missing, so that no row is a duplicate."""
    return list(schema.key) if set(schema.key) <= set(columns) else []


def keys_of(rows: pa.Table, key: list[str], file: int, lines: NDArray[np.int64]) -> pa.Table:
    """The keys of N rows, and the file and line of each row."""
    return pa.table(
        {
            **{f"k{i}": rows[name] for i, name in enumerate(key)},
            "file": pa.array(np.full(len(lines), file, dtype=np.int32)),
            "line": pa.array(lines),
        }
    )


def find_repeated(sql: duckdb.DuckDBPyConnection, keys: Path, n_key_columns: int) -> bool:
    """Make the SQL tables `keys` (of all rows) and `repeated` (hashes of repeated keys); return whether a key is.

    `keys` is the Parquet file of keys in row order. A row with a null in its key is never a duplicate.
    """
    sql.read_parquet(str(keys), file_row_number=True).create_view("keys")
    key = ", ".join(f"k{i}" for i in range(n_key_columns))
    filled = _not_null([f"k{i}" for i in range(n_key_columns)])
    sql.execute(
        f"""CREATE TEMP TABLE candidates AS
            SELECT hash({key}) AS h FROM keys WHERE {filled} GROUP BY h HAVING count(*) > 1"""  # noqa: S608
    )
    sql.execute(  # without the keys whose hashes are equal by chance
        f"""CREATE TEMP TABLE repeated AS
            SELECT hash({key}) AS h FROM keys WHERE {filled} AND hash({key}) IN (FROM candidates)
            GROUP BY {key} HAVING count(*) > 1"""  # noqa: S608  contains no user input
    )
    return bool(sql.sql("SELECT 1 FROM repeated LIMIT 1").fetchall())


def find_changes(sql: duckdb.DuckDBPyConnection, staged: Path, schema: TableSchema, merge_weights: MergeWeights) -> str:
    """The query for the changes of rows whose key is in `repeated`, except the rows in `excluded`.

    Columns: row (in the staged table), outcome; of a rejected row its file and line; of a changed row its new values.
    """
    columns = scan(sql, staged, schema)
    sql.execute(
        f"""CREATE TEMP TABLE repeats AS SELECT * FROM staged
            WHERE {_not_null(schema.key)} AND hash({_quoted(schema.key)}) IN (SELECT h FROM repeated)
                  AND "row" NOT IN (SELECT "row" FROM excluded)"""  # noqa: S608  contains no user input
    )
    if schema.on_duplicate == "merge":
        return _merge_query(schema, columns, merge_weights)
    return _reject_query(schema, columns)


def _merge_query(schema: TableSchema, columns: Sequence[str], merge_weights: MergeWeights) -> str:
    key = _quoted(schema.key)
    others = [column for column in schema.columns if column.name in columns and column.name not in schema.key]
    values = "".join(f', {_merged(column, schema, merge_weights)} AS "{column.name}"' for column in others)
    return f"""
        WITH merged AS MATERIALIZED (
            SELECT {key}, min("row") AS kept{values} FROM repeats GROUP BY {key} HAVING count(*) > 1
        )
        SELECT * EXCLUDE ({key}, kept), kept AS "row", 'changed' AS outcome FROM merged
        UNION ALL BY NAME
        SELECT "row", 'merged' AS outcome FROM repeats JOIN merged USING ({key}) WHERE "row" > kept
    """  # noqa: S608


def _merged(column: Column, schema: TableSchema, merge_weights: MergeWeights) -> str:
    """The SQL of a column's value in a merged row; nulls are ignored."""
    name = f'"{column.name}"'
    if column.kind == "event":
        return f"list_extract({list(EVENTS)}, max(list_position({list(EVENTS)}, {name})))"
    if column.name == "weight" and merge_weights == "sum":
        return f"sum({name} ORDER BY {name})"  # the order, because a sum of floats depends on it
    if schema.name == "favorites" and column.kind in ("time", "number"):
        return f"max({name})"
    return f"min({name})"


def _reject_query(schema: TableSchema, columns: Sequence[str]) -> str:
    columns = sorted(columns)
    content = _quoted(columns)
    latest = ["created_at DESC NULLS LAST"] if "created_at" in columns else []
    order = ", ".join([*latest, *(f'"{column}" NULLS LAST' for column in columns), '"row"'])
    return f"""
        SELECT "row", IF(content = kept, 'merged', 'rejected') AS outcome, file, line
        FROM (
            SELECT "row", hash({content}) AS content,
                   row_number() OVER best AS nth, first_value(hash({content})) OVER best AS kept
            FROM repeats WINDOW best AS (PARTITION BY {_quoted(schema.key)} ORDER BY {order})
        ) JOIN keys ON "row" = file_row_number
        WHERE nth > 1
    """  # noqa: S608


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _not_null(names: Iterable[str]) -> str:
    return " AND ".join(f'"{name}" IS NOT NULL' for name in names)
