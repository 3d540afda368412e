"""Parquet, Arrow and Feather: columns keep their types; the line of a row is its number, its raw text is its JSON."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.formats.cells import Block, Cells
from etsyml_cli.ingest.formats.files import Header, InputFile

BLOCK_BYTES = 8 << 20
MAX_BLOCK_ROWS = 1 << 16
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)
NAMES = {"parquet": "Parquet", "arrow": "Arrow or Feather"}

Reader: TypeAlias = pq.ParquetFile | pa.RecordBatchFileReader | pa.RecordBatchReader  # the last: a stream


def read_header(file: InputFile) -> Header | None:
    """The column names, and those of structs and of lists of structs."""
    reader = _open(file, None)
    schema = reader.schema_arrow if isinstance(reader, pq.ParquetFile) else reader.schema
    try:
        names = tuple(schema.names)
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name}: damaged {NAMES[file.format]} file ({error})") from None
    return Header(names, nested=frozenset(field.name for field in schema if _is_nested(field.type)))


def read_blocks(file: InputFile, header: Header, columns: Sequence[str]) -> Iterator[Block]:
    """The rows, in blocks. `header` is unused, because the file has its own schema."""
    del header
    before = 0
    try:
        for batch in _batches(_open(file, columns), columns):
            yield _block(batch, before)
            before += batch.num_rows
    except DAMAGED as error:
        raise InputError(f"{file.name}: damaged {NAMES[file.format]} file ({_first_line(error)})") from None


def _open(file: InputFile, columns: Sequence[str] | None) -> Reader:
    try:
        if file.format == "parquet":
            return pq.ParquetFile(file.path)
        return _open_arrow(file, columns)
    except DAMAGED as error:
        raise InputError(f"{file.name}: not a {NAMES[file.format]} file ({_first_line(error)})") from None


def _open_arrow(file: InputFile, columns: Sequence[str] | None) -> Reader:
    """A reader of the Arrow file, stream or Feather file; of these columns only if the format can skip others."""
    source = pa.memory_map(str(file.path))
    magic = source.read(4)
    source.seek(0)
    if magic == b"\xff\xff\xff\xff":
        return pa.ipc.open_stream(source)
    if magic == b"FEA1":
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            return feather.read_table(source, columns=columns and list(columns)).to_reader()
    reader = pa.ipc.open_file(source)
    if columns is None:
        return reader
    wanted = [reader.schema.get_field_index(name) for name in columns]
    return pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=wanted))


def _batches(reader: Reader, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of some MiB with these columns."""
    if isinstance(reader, pq.ParquetFile):
        yield from reader.iter_batches(_rows_per_block(reader), columns=list(columns))
        return
    if isinstance(reader, pa.RecordBatchFileReader):
        batches = map(reader.get_batch, range(reader.num_record_batches))
    else:
        batches = iter(reader)
    for batch in batches:
        part = batch.select(list(columns))
        part.validate(full=True)  # an offset that is damaged would end the process
        n = _rows_of(part.nbytes / max(part.num_rows, 1))
        for start in range(0, part.num_rows, n):
            yield part.slice(start, n)


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


def _is_nested(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_nested(kind.value_type)
    return bool(pa.types.is_struct(kind) or pa.types.is_map(kind))


def _rows_per_block(parquet: pq.ParquetFile) -> int:
    groups = [parquet.metadata.row_group(i) for i in range(parquet.metadata.num_row_groups)]
    return _rows_of(sum(group.total_byte_size for group in groups) / max(parquet.metadata.num_rows, 1))


def _rows_of(bytes_per_row: float) -> int:
    return max(1, min(MAX_BLOCK_ROWS, int(BLOCK_BYTES / max(bytes_per_row, 1))))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else "truncated"


def _as_text(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.string())
    except pa.ArrowNotImplementedError:  # lists and structs become JSON
        return pa.array(
            [None if value is None else msgspec.json.encode(value).decode() for value in array.to_pylist()], pa.string()
        )
