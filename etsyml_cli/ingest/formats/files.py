"""Foreign files: find them, tell their format, open them whether gzipped or not. What they hold is not read here."""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from etsyml_cli.core.errors import DataError, InputError, UsageError

STDIN = "-"
CHUNK_BYTES = 4 << 20
LONGEST_LINE = 64 << 20

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
_GZIP, _PARQUET, _UTF8_BOM = b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ForeignFile:
    """A file and how to read it."""

    path: Path
    name: str  # what messages and rejects call it
    format: Format
    gzipped: bool
    delimiter: str | None = None  # None: told by the extension or the header


@dataclass(frozen=True)
class Header:
    """The names of a file's columns, and which of them hold lists of words parted by spaces (RecBole's token_seq)."""

    names: tuple[str, ...]
    spaced: frozenset[str] = frozenset()


def find_files(patterns: list[str], spool: Path) -> list[Path]:
    """The files that `patterns` name: paths, globs (sorted) and `-`, copied to `spool` so that it can be read again.

    Raises InputError for a pattern that matches nothing, for a directory and for a file that cannot be read.
    """
    if patterns.count(STDIN) > 1:
        raise UsageError("`-` (stdin) can be read only once")
    found = []
    for pattern in patterns:
        if pattern == STDIN:
            found.append(_spooled(spool))
        elif Path(pattern).exists() or not glob.has_magic(pattern):
            found.append(Path(pattern))
        else:
            found += _matches(pattern)
    for path in found:
        _must_be_readable(path)
    return found


def tell_format(path: Path, name: str, delimiter: str | None) -> ForeignFile:
    """How to read `path`: by its extension before `.gz`, else by how its content begins; gzip by its first bytes."""
    with path.open("rb") as content:
        gzipped = content.read(2) == _GZIP
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in (".gz", ".gzip")]
    told = _FORMATS.get(suffixes[-1]) if suffixes else None
    file = ForeignFile(path, name, told or "csv", gzipped, delimiter)
    with opened(file) as stream:
        start = stream.read(4096)
    file = replace(file, format=told or _sniffed(start))
    _refuse_strangers(file, start)
    return file


def _refuse_strangers(file: ForeignFile, start: bytes) -> None:
    """Raises InputError for what is known, but not read."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{file.name}: UTF-16 text", hint="Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW")
    if file.format == "jsonl" and start.removeprefix(_UTF8_BOM).lstrip()[:1] == b"[":
        raise InputError(
            f"{file.name}: one JSON array, not JSON Lines", hint="Convert it: jq -c '.[]' FILE > NEW.jsonl"
        )
    if file.format == "parquet" and file.gzipped:
        raise InputError(f"{file.name}: Parquet inside gzip", hint="Unpack it first: gunzip FILE")


@contextmanager
def opened(file: ForeignFile) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked. Raises InputError where they cannot be read, also halfway."""
    try:
        stream: IO[bytes]
        with gzip.open(file.path) if file.gzipped else file.path.open("rb") as stream:  # type: ignore[assignment]
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file.name}: damaged gzip ({error})", hint="Was it copied or downloaded whole?") from None
    except OSError as error:
        raise InputError(f"{file.name}: {error.strerror or error}") from None


def whole_lines(file: ForeignFile) -> Iterator[bytes]:
    """The content in chunks of about 4 MiB that end with a line, without a byte order mark."""
    with opened(file) as stream:
        carried, at_start = b"", True
        while chunk := stream.read(CHUNK_BYTES):
            if at_start:
                chunk, at_start = chunk.removeprefix(_UTF8_BOM), False
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield carried + chunk[:cut]
                carried = chunk[cut:]
            else:
                carried += chunk
            if len(carried) > LONGEST_LINE:
                raise DataError(f"{file.name}: a line above 64 MiB", hint="One record a line is expected.")
        if carried:
            yield carried


def _sniffed(start: bytes) -> Format:
    text = start.removeprefix(_UTF8_BOM).lstrip()
    if start.startswith(_PARQUET):
        return "parquet"
    return "jsonl" if text[:1] in (b"{", b"[") else "csv"


def _spooled(spool: Path) -> Path:
    with spool.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy, CHUNK_BYTES)
    return spool


def _matches(pattern: str) -> list[Path]:
    paths = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  absolute patterns too
    files = [path for path in paths if path.is_file()]
    if not files:
        raise InputError(f"{pattern}: matches no file")
    return files


def _must_be_readable(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: a directory", hint=f"Name its files: '{path}/*.jsonl'")
    if not path.exists():
        raise InputError(f"{path}: not here", hint="Is the path right?")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read", hint=f"See its permissions: ls -l {path}")
