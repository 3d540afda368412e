"""Read input files of any format: the header, blocks of rows, and the raw text of a row."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.files import Header, InputFile

READERS = {
    "csv": "etsyml_cli.ingest.formats.csv",
    "jsonl": "etsyml_cli.ingest.formats.jsonl",
    "parquet": "etsyml_cli.ingest.formats.parquet",
}


def read_header(file: InputFile) -> Header | None:
    """The file's columns; None if the file has no lines. Raises InputError if a column name is duplicated."""
    header: Header | None = _reader(file).read_header(file)
    duplicates = [name for name, n in Counter(header.names if header else ()).items() if n > 1]
    if header and duplicates and not header.is_data:
        raise InputError(
            f"{file.name}: duplicate column {duplicates[0]!r} in the header", hint="Rename one of these columns."
        )
    return header


def read_blocks(file: InputFile, header: Header, columns: Sequence[str]) -> Iterator[Block]:
    """The rows of the file, in order, with these `columns`, in blocks of a few MiB."""
    blocks: Iterator[Block] = _reader(file).read_blocks(file, header, columns)
    return blocks


class RawTexts:
    """Raw text of rows of several files. If rows are requested in file order, each file is read at most once."""

    def __init__(self, files: list[tuple[InputFile, Header]], columns: Sequence[str]) -> None:
        self._files = files
        self._columns = columns
        self._file = -1
        self._blocks: Iterator[Block] = iter(())
        self._block: Block | None = None

    def at(self, file: int, line: int) -> bytes:
        """The raw text of the row that begins on `line` of the file with this index."""
        if file != self._file:
            source, header = self._files[file]
            columns = self._columns if source.format == "parquet" else ()
            self._file, self._blocks, self._block = file, read_blocks(source, header, columns), None
        while self._block is None or not len(self._block.lines) or self._block.lines[-1] < line:
            self._block = next(self._blocks)
        return self._block.raw(int(self._block.lines.searchsorted(line)))


def _reader(file: InputFile) -> Any:
    return importlib.import_module(READERS[file.format])
