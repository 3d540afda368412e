"""Last pass of ingest: reject or merge duplicate rows while copying the staged table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.duplicates import Changes, ChangeStream, apply_changes, changes_query, key_columns
from etsyml_cli.ingest.formats.formats import RawTexts
from etsyml_cli.ingest.rows import KEYS, Tally, table_writer
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.io.rejects import Reason, Reject, raw_text
from etsyml_cli.io.sql import database
from etsyml_cli.io.tables import ROW_GROUP_ROWS, RowGroups, TableDraft


def resolve_duplicates(
    table: RowGroups, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft
) -> RowGroups:
    """The table without duplicate rows, ready to be sealed; `table` itself if there are no duplicates."""
    table.flush()
    key = key_columns(contract.schema, contract.mapping.columns)
    if not key:
        return table
    with database(draft.scratch) as sql:
        result = sql.sql(changes_query(len(key)), params={"keys": str(draft.scratch / KEYS)})
        stream = ChangeStream(result.to_arrow_reader(ROW_GROUP_ROWS))
        if stream.is_empty():
            return table
        table.writer.close()
        return _copy_without_duplicates(stream, tally, inputs, contract, draft)


def _copy_without_duplicates(
    stream: ChangeStream, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft
) -> RowGroups:
    staged = draft.table.rename(draft.scratch / "staged.parquet")
    unique = RowGroups(table_writer(draft, contract))
    raw_texts = RawTexts(inputs.files, list(contract.mapping.columns.values()))
    first = 0
    for batch in pq.ParquetFile(staged).iter_batches(ROW_GROUP_ROWS // 4):
        changes = stream.take_before(first + batch.num_rows)
        unique.write(apply_changes(pa.Table.from_batches([batch]), first, changes))
        _account(changes, tally, inputs, contract, draft, raw_texts)
        first += batch.num_rows
    unique.flush()
    return unique


def _account(
    changes: Changes, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft, raw_texts: RawTexts
) -> None:
    """Count the dropped rows as merged, or reject them with their raw text."""
    for change in changes.to_pylist():
        if not change["dropped"]:
            continue
        if contract.schema.on_duplicate != "reject":
            tally.merged += 1
            continue
        file, line = change["file"], change["line"]
        raw = raw_text(raw_texts.at(file, line))
        tally.reject(Reject(inputs.files[file][0].name, line, Reason.DUPLICATE_ID, contract.schema.key[0], raw), draft)
