"""The reading pass of ingest: blocks of foreign rows into the staged table, its keys and its rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etsyml_cli.core.log import progress
from etsyml_cli.ingest.contract import Contract, Problems, check_block, without
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.formats import read_blocks
from etsyml_cli.ingest.repeats import key_columns, keys_of
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.io.rejects import Reason, Reject, encode_reject, raw_text
from etsyml_cli.io.schema import arrow_schema
from etsyml_cli.io.tables import RowGroups, TableDraft, parquet_writer

KEYS = "keys.parquet"
EXAMPLES = 3


@dataclass
class Tally:
    """What became of the rows so far."""

    rows_in: int = 0
    merged: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: list[Reject] = field(default_factory=list)
    trailing_empty: int = 0
    late_keys: tuple[str, ...] = ()  # JSON keys that no file's first lines announced

    def reject(self, reject: Reject, draft: TableDraft) -> None:
        """Count the reject and write it down."""
        draft.rejects.write(encode_reject(reject))
        self.reasons[reject.reason] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(reject)


def read_rows(inputs: Inputs, contract: Contract, draft: TableDraft, limit: int | None) -> tuple[RowGroups, Tally]:
    """Stage the rows that fit, of the first `limit`: in the table, not yet sealed, and their keys in a file beside."""
    draft.rejects.seek(0)
    draft.rejects.truncate()
    tally = Tally()
    table = RowGroups(table_writer(draft, contract))
    key = key_columns(contract.schema, contract.mapping.columns)
    keys = RowGroups(_keys_writer(draft, contract, key)) if key else None
    with progress(f"ingest {contract.schema.name}") as advance:
        for number, block in _blocks(inputs, contract, limit):
            rows, lines = _accepted(block, contract, draft, tally, inputs.files[number][0].name)
            table.write(rows)
            if keys:
                keys.write(keys_of(rows, key, number, lines))
            advance(len(block.lines))
    if keys:
        keys.flush()
        keys.writer.close()
    return table, tally


def table_writer(draft: TableDraft, contract: Contract) -> pq.ParquetWriter:
    """A writer of the draft's table."""
    key = contract.schema.key
    schema = arrow_schema(contract.schema, list(contract.mapping.columns))
    return parquet_writer(draft.table, schema, unlike=key if len(key) == 1 else ())


def _keys_writer(draft: TableDraft, contract: Contract, key: list[str]) -> pq.ParquetWriter:
    rows = arrow_schema(contract.schema, list(contract.mapping.columns)).empty_table()
    schema = keys_of(rows, key, 0, np.zeros(0, dtype=np.int64)).schema
    return pq.ParquetWriter(draft.scratch / KEYS, schema, compression="lz4", use_dictionary=False)


def _blocks(inputs: Inputs, contract: Contract, limit: int | None) -> Iterator[tuple[int, Block]]:
    """The blocks of all files with their file's number, until `limit` rows were handed out."""
    wanted = list(contract.mapping.columns.values())
    for number, (file, header) in enumerate(inputs.files):
        for block in read_blocks(file, header, wanted):
            if limit is not None:
                block = block.head(limit)
                limit -= block.n_rows
            yield number, block
            if limit == 0:
                return


def rejects_of(block: Block, problems: Problems, file: str) -> list[Reject]:
    """The block's rejects in the order of the file."""
    rejects = [Reject(file, one.line, one.reason, None, raw_text(one.raw)) for one in block.refused]
    rejects += [
        Reject(file, int(block.lines[row]), reason, field, raw_text(block.raw(row)))
        for row, (reason, field) in problems.items()
    ]
    return sorted(rejects, key=lambda one: one.line)


def _accepted(
    block: Block, contract: Contract, draft: TableDraft, tally: Tally, file: str
) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows that fit and their lines; the others go to the rejects in the order of the file."""
    rows, problems = check_block(block, contract)
    for reject in rejects_of(block, problems, file):
        tally.reject(reject, draft)
    tally.rows_in += block.n_rows
    tally.trailing_empty += len(block.trailing_empty)
    tally.late_keys = tuple(dict.fromkeys((*tally.late_keys, *block.late)))
    return without(rows, problems), np.delete(block.lines, list(problems))
