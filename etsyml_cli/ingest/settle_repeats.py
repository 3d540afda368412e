"""The last step of ingest: rows of one name are rejected or merged, in lockstep with the staged table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.formats.formats import RawTexts
from etsyml_cli.ingest.repeats import Changes, Pending, changed, changes_query, key_columns
from etsyml_cli.ingest.rows import KEYS, Tally, table_writer
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.io.rejects import Reason, Reject, raw_text
from etsyml_cli.io.sql import database
from etsyml_cli.io.tables import ROW_GROUP_ROWS, RowGroups, TableDraft


def settle_repeats(table: RowGroups, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft) -> RowGroups:
    """The table without repeated rows, ready to be sealed: `table` itself where no row repeats another."""
    table.flush()
    key = key_columns(contract.schema, contract.mapping.columns)
    if not key:
        return table
    with database(draft.scratch) as sql:
        found = sql.sql(changes_query(len(key)), params={"keys": str(draft.scratch / KEYS)})
        pending = Pending(found.to_arrow_reader(ROW_GROUP_ROWS))
        if pending.is_over():
            return table
        table.writer.close()
        return _rewritten(pending, tally, inputs, contract, draft)


def _rewritten(pending: Pending, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft) -> RowGroups:
    staged = draft.table.rename(draft.scratch / "staged.parquet")
    settled = RowGroups(table_writer(draft, contract))
    raw_texts = RawTexts(inputs.files, list(contract.mapping.columns.values()))
    first = 0
    for batch in pq.ParquetFile(staged).iter_batches(ROW_GROUP_ROWS // 4):
        changes = pending.before(first + batch.num_rows)
        settled.write(changed(pa.Table.from_batches([batch]), first, changes))
        _account(changes, tally, inputs, contract, draft, raw_texts)
        first += batch.num_rows
    settled.flush()
    return settled


def _account(
    changes: Changes, tally: Tally, inputs: Inputs, contract: Contract, draft: TableDraft, raw_texts: RawTexts
) -> None:
    """Count the dropped rows: as merged, or as rejects with the text that they have in their file."""
    for change in changes.to_pylist():
        if not change["dropped"]:
            continue
        if contract.schema.repeated != "reject":
            tally.merged += 1
            continue
        file, line = change["file"], change["line"]
        raw = raw_text(raw_texts.at(file, line))
        tally.reject(Reject(inputs.files[file][0].name, line, Reason.DUPLICATE_ID, contract.schema.key[0], raw), draft)
