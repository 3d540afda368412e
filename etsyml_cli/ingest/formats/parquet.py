"""Parquet: columns keep their types; the line of a row is its number, its raw text is its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.formats.cells import Block, Cells
from etsyml_cli.ingest.formats.files import Header, InputFile

BLOCK_BYTES = 8 << 20
MAX_BLOCK_ROWS = 1 << 16


def read_header(file: InputFile) -> Header | None:
    """The column names."""
    return Header(tuple(_open(file).schema_arrow.names))


def read_blocks(file: InputFile, header: Header, columns: Sequence[str]) -> Iterator[Block]:
    """The rows, in blocks. `header` is unused, because a Parquet file has its own schema."""
    del header
    parquet = _open(file)
    before = 0
    try:
        for batch in parquet.iter_batches(_rows_per_block(parquet), columns=list(columns)):
            yield _block(batch, before)
            before += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file.name}: damaged Parquet file ({str(error).splitlines()[0]})") from None


def _block(batch: pa.RecordBatch, before: int) -> Block:
    def raw(i: int) -> bytes:
        return msgspec.json.encode(batch.slice(i, 1).to_pylist()[0], enc_hook=str)

    columns = {name: Cells(_simplify(batch.column(name))) for name in batch.schema.names}
    return Block(columns, np.arange(before + 1, before + 1 + batch.num_rows), raw)


def _simplify(array: pa.Array) -> pa.Array:
    """The same values in a simpler type: no dictionaries, no large strings, times in microseconds."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = _as_text(array)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    return array


def _rows_per_block(parquet: pq.ParquetFile) -> int:
    groups = [parquet.metadata.row_group(i) for i in range(parquet.metadata.num_row_groups)]
    bytes_per_row = sum(group.total_byte_size for group in groups) / max(parquet.metadata.num_rows, 1)
    return max(1, min(MAX_BLOCK_ROWS, int(BLOCK_BYTES / max(bytes_per_row, 1))))


def _open(file: InputFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file.name}: not a Parquet file ({str(error).splitlines()[0]})") from None


def _as_text(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.string())
    except pa.ArrowNotImplementedError:  # lists and structs become JSON
        return pa.array(
            [None if value is None else msgspec.json.encode(value).decode() for value in array.to_pylist()], pa.string()
        )
