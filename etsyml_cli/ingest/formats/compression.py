"""Compressed files: recognized by their first bytes, decompressed while they are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa

from etsyml_cli.core.errors import InputError

Compression = Literal["gzip", "bzip2", "xz", "zstd", "lz4"]

SUFFIXES = frozenset({".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd", ".lz4"})
_MAGIC: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_SKIPPABLE = b"\x2a\x4d\x18"  # bytes 2 to 4 of a frame without data, which some Zstandard files begin with
_BZIP2_BLOCK = b"1AY&SY"
_BZIP2_END = b"\x17\x72\x45\x38\x50\x90"


def compression_of(start: bytes) -> Compression | None:
    """The compression of a file with these first bytes (at least 16); None if it is not compressed."""
    if start[:3] == b"BZh" and start[4:10] not in (_BZIP2_BLOCK, _BZIP2_END):
        return None  # text
    if start[1:4] == _SKIPPABLE and start[0] & 0xF0 == 0x50:
        return "zstd"
    return next((name for magic, name in _MAGIC if start.startswith(magic)), None)


@contextmanager
def open_decompressed(path: Path, compression: Compression | None, name: str) -> Iterator[IO[bytes]]:
    """Open the file, decompressed. Raises InputError if it cannot be read or is damaged, also while it is read."""
    try:
        with closing(_open(path, compression)) as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise _damaged(name, compression, error) from None
    except OSError as error:
        if error.errno is None and compression:  # bzip2 and pyarrow have no class of their own for damaged data
            raise _damaged(name, compression, error) from None
        raise InputError(f"{name}: {error.strerror or error}") from None


def decompress_command(compression: Compression) -> str:
    """The command of the shell that writes the decompressed file to stdout."""
    return f"{compression} -dc"


def _open(path: Path, compression: Compression | None) -> IO[bytes]:
    match compression:
        case None:
            return path.open("rb")
        case "gzip":
            return cast("IO[bytes]", gzip.open(path))
        case "bzip2":
            return bz2.open(path)
        case "xz":
            return lzma.open(path)
        case _:
            return cast("IO[bytes]", pa.CompressedInputStream(pa.OSFile(str(path)), compression))


def _damaged(name: str, compression: Compression | None, error: Exception) -> InputError:
    return InputError(f"{name}: damaged {compression} file ({error})", hint="Copy or download it again.")
