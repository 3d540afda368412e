"""Last pass of ingest: exclude, merge or reject rows while copying the staged table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.duplicates.changes import Changes, ChangeStream, apply_changes
from etsyml_cli.ingest.duplicates.duplicates import find_changes, find_repeated, key_columns
from etsyml_cli.ingest.formats.formats import RawTexts
from etsyml_cli.ingest.rows import ACTIVITY, KEYS, Tally, table_writer
from etsyml_cli.ingest.selection.drop import expect_known_listings, find_excluded
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.io.rejects import Reason, Reject, raw_text
from etsyml_cli.io.sql import database
from etsyml_cli.io.tables import ROW_GROUP_ROWS, RowGroups, TableDraft

_EXCLUDED = """SELECT "row", 'excluded' AS outcome FROM excluded"""


def resolve_duplicates(
    table: RowGroups, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft
) -> RowGroups:
    """The table without excluded and duplicate rows, ready to be sealed; `table` itself if there are none."""
    table.flush()
    key = key_columns(contract.schema, contract.mapping.columns)
    with database(draft.scratch) as sql:
        repeated = bool(key) and find_repeated(sql, draft.scratch / KEYS, len(key))
        if not repeated and not contract.drop.kinds:
            return table
        table.writer.close()
        staged = draft.table.rename(draft.scratch / "staged.parquet")
        if listings := contract.drop.owners():
            expect_known_listings(sql, staged, contract.schema, listings)
        tally.excluded += find_excluded(sql, staged, contract.schema, draft.scratch / ACTIVITY, contract.drop)
        changes = _changes(sql, staged, contract, repeated=repeated)
        return _copy(staged, ChangeStream(changes.to_arrow_reader(ROW_GROUP_ROWS)), tally, inputs, contract, draft)


def _changes(
    sql: duckdb.DuckDBPyConnection, staged: Path, contract: Contract, *, repeated: bool
) -> duckdb.DuckDBPyRelation:
    queries = [_EXCLUDED]
    if repeated:
        queries.append(find_changes(sql, staged, contract.schema, contract.merge_weights))
    return sql.sql(f'{" UNION ALL BY NAME ".join(f"({query})" for query in queries)} ORDER BY "row"')


def _copy(
    staged: Path, stream: ChangeStream, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft
) -> RowGroups:
    unique = RowGroups(table_writer(draft, contract))
    raw_texts = RawTexts(inputs.files, contract.input_columns())
    first = 0
    for batch in pq.ParquetFile(staged).iter_batches(ROW_GROUP_ROWS // 4):
        changes = stream.take_before(first + batch.num_rows)
        unique.write(apply_changes(pa.Table.from_batches([batch]), first, changes))
        if changes.num_rows:
            tally.merged += pc.sum(pc.equal(changes["outcome"], "merged")).as_py()
            _reject(changes.filter(pc.equal(changes["outcome"], "rejected")), tally, inputs, contract, draft, raw_texts)
        first += batch.num_rows
    unique.flush()
    return unique


def _reject(
    changes: Changes, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft, raw_texts: RawTexts
) -> None:
    for change in changes.to_pylist():
        file, line = change["file"], change["line"]
        raw = raw_text(raw_texts.at(file, line))
        tally.reject(Reject(inputs.files[file][0].name, line, Reason.DUPLICATE_ID, contract.schema.key[0], raw), draft)
