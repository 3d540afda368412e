"""One way to read every foreign format: a header, then blocks of rows, and the raw text of any row again."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from etsyml_cli.core.errors import InputError
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.files import ForeignFile, Header

READERS = {
    "csv": "etsyml_cli.ingest.formats.csv",
    "jsonl": "etsyml_cli.ingest.formats.jsonl",
    "parquet": "etsyml_cli.ingest.formats.parquet",
}


def read_header(file: ForeignFile) -> Header | None:
    """The file's columns; None for a file without any line. Raises InputError where two have one name."""
    header: Header | None = _reader(file).read_header(file)
    twice = [name for name, n in Counter(header.names if header else ()).items() if n > 1]
    if twice:
        raise InputError(f"{file.name}: the header has {twice[0]!r} twice", hint="Rename one of these columns.")
    return header


def read_blocks(file: ForeignFile, header: Header, wanted: Sequence[str]) -> Iterator[Block]:
    """The file's rows in its order, with the columns `wanted`, in blocks of a few MiB."""
    blocks: Iterator[Block] = _reader(file).read_blocks(file, header, wanted)
    return blocks


class RawTexts:
    """The raw text of rows of several files; asked for in the files' order, each file is read once more at most."""

    def __init__(self, files: list[tuple[ForeignFile, Header]], wanted: Sequence[str]) -> None:
        self._files = files
        self._wanted = wanted
        self._file = -1
        self._blocks: Iterator[Block] = iter(())
        self._block: Block | None = None

    def at(self, file: int, line: int) -> bytes:
        """The row that begins on `line` of the file with this index."""
        if file != self._file:
            source, header = self._files[file]
            wanted = self._wanted if source.format == "parquet" else ()
            self._file, self._blocks, self._block = file, read_blocks(source, header, wanted), None
        while self._block is None or not len(self._block.lines) or self._block.lines[-1] < line:
            self._block = next(self._blocks)
        return self._block.raw(int(self._block.lines.searchsorted(line)))


def _reader(file: ForeignFile) -> Any:
    return importlib.import_module(READERS[file.format])
