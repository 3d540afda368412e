"""Read input files of any format: the header, blocks of rows, and the raw text of a row."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.files import Header, InputFile
from etsyml_cli.ingest.formats.paths import values_of
from etsyml_cli.ingest.formats.selection import select

READERS = {
    "csv": "etsyml_cli.ingest.formats.csv",
    "jsonl": "etsyml_cli.ingest.formats.jsonl",
    "parquet": "etsyml_cli.ingest.formats.arrow",
    "arrow": "etsyml_cli.ingest.formats.arrow",
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
    """The rows of the file, in order, in blocks of a few MiB, with these `columns`.

    A column may be a path into objects, a text (`=text`) or several columns (`a,b`: per row the list of the values
    that are not empty). The elements of the lists in `header.explode` are rows of their own, with the same line.
    """
    selection = select(header, columns)
    blocks: Iterator[Block] = _reader(file).read_blocks(file, selection.header, selection.columns)
    if selection.is_plain():
        yield from blocks
    else:
        for block in blocks:
            yield from selection.blocks(block)


def sample(file: InputFile, header: Header, columns: Sequence[str], rows: int) -> dict[str, list[Any]]:
    """The values of these columns in at most so many of the first rows."""
    block = next(read_blocks(file, header, columns), None) if columns else None
    if block is None:
        return {}
    return {name: values_of(cells) for name, cells in block.head(rows).columns.items()}


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
            columns = select(header, self._columns).columns if source.format in ("parquet", "arrow") else ()
            blocks = _reader(source).read_blocks(source, select(header, ()).header, columns)
            self._file, self._blocks, self._block = file, blocks, None
        while self._block is None or not len(self._block.lines) or self._block.lines[-1] < line:
            self._block = next(self._blocks)
        return self._block.raw(int(self._block.lines.searchsorted(line)))


def _reader(file: InputFile) -> Any:
    return importlib.import_module(READERS[file.format])
