"""Input files: find them, detect their format and open them, gzipped or not."""

from __future__ import annotations

import codecs
import glob
import gzip
import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Literal

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.ingest.formats.csv_options import CsvOptions
from etsyml_cli.io.rejects import HINTS, Reason

STDIN = "-"
CHUNK_BYTES = 4 << 20
MAX_LINE_BYTES = 64 << 20

Format = Literal["csv", "jsonl", "parquet"]

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
}
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_GZIP, _PARQUET, _UTF8_BOM = b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf"


@dataclass(frozen=True)
class InputFile:
    """A file and how to read it."""

    path: Path
    name: str  # name in messages and rejects
    format: Format
    gzipped: bool
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True)
class Header:
    """A file's column names, and how its columns are read."""

    names: tuple[str, ...]
    space_separated: frozenset[str] = frozenset()  # columns whose lists are separated by spaces (RecBole's token_seq)
    is_data: bool = False  # whether the names look like a row: a CSV file without a header
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)  # column -> texts that are not empty cells in it


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
    """Detect the format from the extension before `.gz`, else from the first bytes; gzip from its first bytes."""
    with path.open("rb") as content:
        gzipped = content.read(2) == _GZIP
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in (".gz", ".gzip")]
    known_format = _FORMATS.get(suffixes[-1]) if suffixes else None
    file = InputFile(path, name, known_format or "csv", gzipped, csv)
    with open_file(file) as stream:
        start = stream.read(4096)
    file = replace(file, format=known_format or _sniff_format(start))
    _check_supported(file, start)
    return file


def _check_supported(file: InputFile, start: bytes) -> None:
    """Raise InputError if the format is recognized but not supported."""
    if start[:2] in _UTF16_BOMS and file.csv.encoding == "utf-8":
        raise InputError(f"{file.name}: UTF-16 text", hint="Give its encoding: --encoding utf-16")
    if file.format == "jsonl" and start.removeprefix(_UTF8_BOM).lstrip()[:1] == b"[":
        raise InputError(
            f"{file.name}: one JSON array, expected JSON Lines", hint="Convert it: jq -c '.[]' FILE > NEW.jsonl"
        )
    if file.format == "parquet" and file.gzipped:
        raise InputError(f"{file.name}: gzipped Parquet is not supported", hint="Decompress it first: gunzip FILE")


@contextmanager
def open_file(file: InputFile) -> Iterator[IO[bytes]]:
    """Open the decompressed file. Raises InputError if it cannot be read, also while it is being read."""
    try:
        stream: IO[bytes]
        with gzip.open(file.path) if file.gzipped else file.path.open("rb") as stream:  # type: ignore[assignment]
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file.name}: damaged gzip file ({error})", hint="Copy or download it again.") from None
    except OSError as error:
        raise InputError(f"{file.name}: {error.strerror or error}") from None


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


def _sniff_format(start: bytes) -> Format:
    text = start.removeprefix(_UTF8_BOM).lstrip()
    if start.startswith(_PARQUET):
        return "parquet"
    return "jsonl" if text[:1] in (b"{", b"[") else "csv"


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
