"""First pass of ingest: read the input rows, and write the staged table, the keys and the rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow.parquet as pq

from etsyml_cli.core.log import progress
from etsyml_cli.ingest.continuation import Above, Rows, merge_continuations
from etsyml_cli.ingest.contract import Contract, Problems, check_block, drop_problems
from etsyml_cli.ingest.duplicates import key_columns, keys_of
from etsyml_cli.ingest.formats.cells import Block, Note
from etsyml_cli.ingest.formats.formats import read_blocks
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.io.rejects import Reason, Reject, encode_reject, raw_text
from etsyml_cli.io.schema import arrow_schema
from etsyml_cli.io.tables import RowGroups, TableDraft, parquet_writer

KEYS = "keys.parquet"
EXAMPLES = 3


@dataclass
class Tally:
    """Counts of the rows read so far."""

    rows_in: int = 0
    merged: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: list[Reject] = field(default_factory=list)
    notes: Counter[Note] = field(default_factory=Counter)
    new_keys: tuple[str, ...] = ()  # JSON keys that are not in the first lines of any file

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
    with progress(f"ingest {contract.schema.name}") as advance:
        for block in merge_continuations(_accepted(inputs, contract, draft, tally, limit)):
            table.write(block.rows)
            if keys:
                keys.write(keys_of(block.rows, key, block.file, block.lines))
            advance(len(block.lines))
    if keys:
        keys.flush()
        keys.writer.close()
    return table, tally


def table_writer(draft: TableDraft, contract: Contract) -> pq.ParquetWriter:
    """A Parquet writer for the draft's table."""
    key = contract.schema.key
    schema = arrow_schema(contract.schema, list(contract.mapping.columns))
    return parquet_writer(draft.table, schema, unlike=key if len(key) == 1 else ())


def _keys_writer(draft: TableDraft, contract: Contract, key: list[str]) -> pq.ParquetWriter:
    rows = arrow_schema(contract.schema, list(contract.mapping.columns)).empty_table()
    schema = keys_of(rows, key, 0, np.zeros(0, dtype=np.int64)).schema
    return pq.ParquetWriter(draft.scratch / KEYS, schema, compression="lz4", use_dictionary=False)


def _blocks(inputs: Inputs, contract: Contract, limit: int | None) -> Iterator[tuple[int, Block]]:
    """Blocks of all files with the file's index, up to `limit` rows."""
    columns = list(contract.mapping.columns.values())
    for number, (file, header) in enumerate(inputs.files):
        for block in read_blocks(file, header, columns):
            if limit is not None:
                block = block.head(limit)
                limit -= block.n_rows
            yield number, block
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


def _accepted(inputs: Inputs, contract: Contract, draft: TableDraft, tally: Tally, limit: int | None) -> Iterator[Rows]:
    """The valid rows and those that continue them; rejects the other rows in file order."""
    above = Above()
    for number, block in _blocks(inputs, contract, limit):
        rows, problems = check_block(block, contract)
        continuations = above.continuations(number, rows, problems)
        for row in continuations:
            del problems[row]
        for reject in rejects_of(block, problems, inputs.files[number][0].name):
            tally.reject(reject, draft)
        tally.rows_in += block.n_rows
        tally.merged += len(continuations)
        tally.notes.update({note: len(lines) for note, lines in block.notes.items()})
        tally.new_keys = tuple(dict.fromkeys((*tally.new_keys, *block.new_keys)))
        bad = np.array(sorted(problems), dtype=np.int64)
        positions = [row - int(bad.searchsorted(row)) for row in continuations]
        yield Rows(number, drop_problems(rows, problems), np.delete(block.lines, bad), positions)
