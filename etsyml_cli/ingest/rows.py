"""First pass of ingest: read the input rows, and write the staged table, the keys and the rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.core.log import progress
from etsyml_cli.ingest.contract import Checked, Contract, Problems, check_block
from etsyml_cli.ingest.duplicates.continuation import Above, Rows, merge_continuations
from etsyml_cli.ingest.duplicates.duplicates import key_columns, keys_of
from etsyml_cli.ingest.emptied import EmptiedCells
from etsyml_cli.ingest.formats.cells import Block, Note
from etsyml_cli.ingest.formats.formats import read_blocks
from etsyml_cli.ingest.selection.drop import ACTIVITY_SCHEMA, activity_of
from etsyml_cli.ingest.selection.only import Seen, take_only
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.ingest.values.columns import convert
from etsyml_cli.ingest.values.ids import IdForms
from etsyml_cli.ingest.values.markup import decode_block
from etsyml_cli.ingest.values.values import text_of
from etsyml_cli.io.rejects import Reason, Reject, encode_reject, raw_text
from etsyml_cli.io.schema import arrow_schema
from etsyml_cli.io.tables import RowGroups, TableDraft, parquet_writer

KEYS = "keys.parquet"
ACTIVITY = "activity.parquet"
EXAMPLES = 3
MAX_EVENTS = 1_000  # that a message may choose from


@dataclass
class Tally:
    """Counts of the rows read so far."""

    rows_in: int = 0
    merged: int = 0
    excluded: Counter[str] = field(default_factory=Counter)  # by option: only, owner, bots
    seen: Seen = field(default_factory=dict)
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: list[Reject] = field(default_factory=list)
    emptied: EmptiedCells = field(default_factory=EmptiedCells)
    unknown_events: Counter[str] = field(default_factory=Counter)  # texts of unknown events
    ids: dict[str, IdForms] = field(default_factory=dict)  # column -> forms of its ids
    notes: Counter[Note] = field(default_factory=Counter)
    new_keys: tuple[str, ...] = ()  # JSON keys that are not in the first lines of any file

    def count(self, block: Block, checked: Checked, accepted: pa.Table, contract: Contract, file: str) -> None:
        """Count how the cells of the block were read."""
        self.notes.update(checked.notes)
        self.emptied.count(checked, accepted, block, contract, file)
        if len(self.unknown_events) < MAX_EVENTS:
            self.unknown_events += _unknown_events(block, checked, contract)
        self.ids = {name: self.ids.get(name, IdForms()) + forms for name, forms in checked.ids.items()}

    def reject(self, reject: Reject, draft: TableDraft) -> None:
        """Count the reject and write it to the rejects file."""
        draft.rejects.write(encode_reject(reject))
        self.reasons[reject.reason] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(reject)


def read_rows(inputs: Inputs, contract: Contract, draft: TableDraft, limit: int | None) -> tuple[RowGroups, Tally]:
    """Write the valid rows among the first `limit` to the staged table, and their keys to a separate file."""
    draft.rejects.seek(0)
    draft.rejects.truncate()
    tally = Tally()
    table = RowGroups(table_writer(draft, contract))
    key = key_columns(contract.schema, contract.mapping.columns)
    keys = RowGroups(_keys_writer(draft, contract, key)) if key else None
    active = RowGroups(_scratch_writer(draft, ACTIVITY, ACTIVITY_SCHEMA)) if "bots" in contract.drop.kinds else None
    with progress(f"ingest {contract.schema.name}") as advance:
        blocks = _blocks(inputs, contract, limit)
        if active:
            blocks = _with_activity(blocks, contract, active)
        for block in merge_continuations(_accepted(blocks, inputs, contract, draft, tally)):
            table.write(block.rows)
            if keys:
                keys.write(keys_of(block.rows, key, block.file, block.lines))
            advance(len(block.lines))
    for scratch in (keys, active):
        if scratch:
            scratch.flush()
            scratch.writer.close()
    return table, tally


def table_writer(draft: TableDraft, contract: Contract) -> pq.ParquetWriter:
    """A Parquet writer for the draft's table."""
    key = contract.schema.key
    schema = arrow_schema(contract.schema, list(contract.mapping.columns))
    return parquet_writer(draft.table, schema, unlike=key if len(key) == 1 else ())


def _keys_writer(draft: TableDraft, contract: Contract, key: list[str]) -> pq.ParquetWriter:
    rows = arrow_schema(contract.schema, list(contract.mapping.columns)).empty_table()
    return _scratch_writer(draft, KEYS, keys_of(rows, key, 0, np.zeros(0, dtype=np.int64)).schema)


def _scratch_writer(draft: TableDraft, name: str, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(draft.scratch / name, schema, compression="lz4", use_dictionary=False)


def _values(block: Block, contract: Contract, name: str) -> pa.Array:
    cells = block.columns[contract.mapping.columns[name]]
    return convert(cells, contract.schema.column_or_feature(name), contract.rules)[0]


def _blocks(inputs: Inputs, contract: Contract, limit: int | None) -> Iterator[tuple[int, Block]]:
    """Blocks of all files with the file's index, up to `limit` rows."""
    columns = contract.input_columns()
    for number, (file, header) in enumerate(inputs.files):
        for block in read_blocks(file, header, columns):
            if limit is not None:
                block = block.head(limit)
                limit -= block.n_rows
            yield number, decode_block(block, contract.mapping.columns)
            if limit == 0:
                return


def rejects_of(block: Block, problems: Problems, file: str) -> list[Reject]:
    """The rejects of the block in file order."""
    rejects = [Reject(file, row.line, row.reason, None, raw_text(row.raw)) for row in block.unreadable]
    rejects += [
        Reject(file, int(block.lines[row]), reason, field, raw_text(block.raw(row)))
        for row, (reason, field) in problems.items()
    ]
    return sorted(rejects, key=lambda reject: reject.line)


def _with_activity(
    blocks: Iterator[tuple[int, Block]], contract: Contract, active: RowGroups
) -> Iterator[tuple[int, Block]]:
    """The blocks; writes the users and the days of all rows that have both, see drop.py."""
    for number, block in blocks:
        active.write(activity_of(_values(block, contract, "user_id"), _values(block, contract, "created_at")))
        yield number, block


def _accepted(
    blocks: Iterator[tuple[int, Block]], inputs: Inputs, contract: Contract, draft: TableDraft, tally: Tally
) -> Iterator[Rows]:
    """The valid rows and those that continue them; rejects the other rows in file order."""
    above = Above()
    for number, block in blocks:
        file = inputs.files[number][0].name
        taken = take_only(block, contract.only, tally.seen)
        tally.excluded.update({"only": block.n_rows - taken.n_rows})
        checked = check_block(taken, contract)
        continuations = above.continuations(number, checked.rows, checked.problems)
        for row in continuations:
            del checked.problems[row]
        rows = checked.accepted()
        tally.count(taken, checked, rows, contract, file)
        for reject in rejects_of(taken, checked.problems, file):
            tally.reject(reject, draft)
        tally.rows_in += block.n_rows
        tally.merged += len(continuations)
        tally.notes.update({note: len(lines) for note, lines in block.notes.items()})
        tally.new_keys = tuple(dict.fromkeys((*tally.new_keys, *block.new_keys)))
        bad = np.array(sorted(checked.problems), dtype=np.int64)
        positions = [row - int(bad.searchsorted(row)) for row in continuations]
        yield Rows(number, rows, np.delete(taken.lines, bad), positions)


def _unknown_events(block: Block, checked: Checked, contract: Contract) -> Counter[str]:
    """The texts of the unknown events in the block."""
    rows = [row for row, (reason, _) in checked.problems.items() if reason is Reason.UNKNOWN_EVENT]
    return Counter(text_of(block.columns[contract.mapping.columns["event"]].at(row)) for row in rows)
