"""Input files: find them, detect their format and open them, compressed or not."""

from __future__ import annotations

import codecs
import glob
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Literal

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.ingest.formats.compression import SUFFIXES, Compression, compression_of, open_decompressed
from etsyml_cli.ingest.formats.csv_options import CsvOptions
from etsyml_cli.ingest.formats.foreign import (
    ARROW,
    COMPRESSED_COLUMNS,
    HEAD_BYTES,
    PARQUET,
    Foreign,
    foreign_kind,
    json_kind,
)
from etsyml_cli.ingest.formats.json_shape import is_object
from etsyml_cli.io.rejects import HINTS, Reason

STDIN = "-"
CHUNK_BYTES = 4 << 20
MAX_LINE_BYTES = 64 << 20

Format = Literal["csv", "jsonl", "parquet", "arrow"]

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".inter": "csv",
    ".item": "csv",
    ".user": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".ipc": "arrow",
}
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"

_JSON = re.compile(r'\[\s*\{|\{\s*"')


@dataclass(frozen=True)
class InputFile:
    """A file and how to read it."""

    path: Path
    name: str  # name in messages and rejects
    format: Format
    compression: Compression | None = None
    csv: CsvOptions = field(default_factory=CsvOptions)

    def in_shell(self) -> str:
        """The file as a word of a command in a shell; FILE for stdin."""
        return "FILE" if self.name == "stdin" else shlex.quote(str(self.path))


@dataclass(frozen=True)
class Header:
    """A file's column names, and how its columns are read."""

    names: tuple[str, ...]
    space_separated: frozenset[str] = frozenset()  # columns whose lists are separated by spaces (RecBole's token_seq)
    is_data: bool = False  # whether the names look like a row: a CSV file without a header
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)  # column -> texts that are not empty cells in it
    nested: frozenset[str] = frozenset()  # columns of objects or lists of objects
    explode: str | None = None  # the column, or path, of lists whose elements are the rows
    added: tuple[str, ...] = ()  # columns that exploding adds to those of the file
    rows_in: str | None = None  # the jq filter of the list in the file's only object


def find_files(patterns: list[str], spool: Path) -> list[Path]:
    """The files that match `patterns`: paths, globs (sorted) and `-` (stdin, copied to `spool` to be read repeatedly).

    Raises InputError if a pattern has no match, for a directory and for a file that cannot be read.
    """
    if patterns.count(STDIN) > 1:
        raise UsageError("`-` (stdin) is given more than once")
    paths: list[Path] = []
    for pattern in patterns:
        if pattern == STDIN:
            paths.append(_spool_stdin(spool))
        elif Path(pattern).exists() or not glob.has_magic(pattern):
            paths.append(Path(pattern))
        else:
            paths += _expand_glob(pattern)
    for path in paths:
        _check_readable(path)
    return paths


def detect_format(path: Path, name: str, csv: CsvOptions) -> InputFile:
    """Detect the compression and the format from the first bytes; the format of a text from its extension, if known.

    Raises InputError, with a conversion, for a file of a kind that is not read.
    """
    with path.open("rb") as content:
        compression = compression_of(content.read(16))
    file = InputFile(path, name, "csv", compression, csv)
    with open_file(file) as stream:
        start = stream.read(HEAD_BYTES)
    foreign = foreign_kind(start, path, compression)
    if foreign:
        raise refusal(file, foreign)
    file = replace(file, format=_format_of(path, start))
    _check_supported(file, start)
    return file


def _check_supported(file: InputFile, start: bytes) -> None:
    """Raise InputError if the format is recognized but not supported."""
    if start[:2] in _UTF16_BOMS and file.csv.encoding == "utf-8":
        raise InputError(f"{file.name}: UTF-16 text", hint="Give its encoding: --encoding utf-16")
    may_be_json = file.format == "jsonl" or (file.format == "csv" and _JSON.match(_text(start)))
    if may_be_json and (foreign := json_kind(_text(start))):
        raise refusal(file, foreign)
    if file.format in ("parquet", "arrow") and file.compression:
        raise refusal(file, COMPRESSED_COLUMNS)


def refusal(file: InputFile, foreign: Foreign) -> InputError:
    """The error for a file of this kind, with its conversion."""
    return InputError(f"{file.name}: {foreign.name}", hint=foreign.hint(file.in_shell(), file.compression))


def open_file(file: InputFile) -> AbstractContextManager[IO[bytes]]:
    """Open the decompressed file. Raises InputError if it cannot be read, also while it is being read."""
    return open_decompressed(file.path, file.compression, file.name)


def whole_lines(file: InputFile) -> Iterator[bytes]:
    """Chunks of about 4 MiB of UTF-8 that end with a complete line, without a byte order mark.

    Raises DataError if a line is longer than 64 MiB.
    """
    with open_file(file) as stream:
        remainder, at_start = b"", True
        for chunk in _utf8_chunks(file, stream):
            if at_start:
                chunk, at_start = chunk.removeprefix(_UTF8_BOM), False
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield remainder + chunk[:cut]
                remainder = chunk[cut:]
            else:
                remainder += chunk
            if len(remainder) > MAX_LINE_BYTES:
                raise DataError(f"{file.name}: a line is longer than 64 MiB", hint="Expected one record per line.")
        if remainder:
            yield remainder


def _utf8_chunks(file: InputFile, stream: IO[bytes]) -> Iterator[bytes]:
    """The content as UTF-8; bytes that the file's encoding does not have stay as they are."""
    chunks = iter(partial(stream.read, CHUNK_BYTES), b"")
    encoding = codecs.lookup(file.csv.encoding).name
    if encoding == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    try:
        for chunk in chain(chunks, [b""]):
            yield decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise InputError(f"{file.name}: not {encoding} ({error})", hint=HINTS[Reason.NOT_UTF8]) from None


def _format_of(path: Path, start: bytes) -> Format:
    if start.startswith(PARQUET):
        return "parquet"
    if start.startswith(ARROW):
        return "arrow"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in SUFFIXES]
    known_format = _FORMATS.get(suffixes[-1]) if suffixes else None
    text = _text(start)
    if known_format == "csv" and is_object(text.partition("\n")[0]):
        return "jsonl"
    return known_format or ("jsonl" if text[:1] in ("{", "[") else "csv")


def _text(start: bytes) -> str:
    return start.removeprefix(_UTF8_BOM).decode("utf-8", "replace").lstrip()


def _spool_stdin(spool: Path) -> Path:
    with spool.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy, CHUNK_BYTES)
    return spool


def _expand_glob(pattern: str) -> list[Path]:
    paths = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  may be absolute
    files = [path for path in paths if path.is_file()]
    if not files:
        raise InputError(f"{pattern}: no files match")
    return files


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a directory", hint=f"Give its files: '{path}/*.jsonl'")
    if not path.exists():
        raise InputError(f"{path}: not found", hint="Check the path.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied", hint=f"Check its permissions: ls -l {path}")
