"""Archives and databases: the names of what they contain, for the command that extracts it."""

from __future__ import annotations

import sqlite3
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".xml")


def zip_members(path: Path) -> list[str]:
    """The names of the files in the archive, first the largest table; none if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not _is_hidden(member.filename, member.is_dir())]
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return []
    by_size = sorted(members, key=lambda member: member.file_size, reverse=True)
    return _tables_first([member.filename for member in by_size])


def is_tar(start: bytes) -> bool:
    """Whether the first 512 bytes are the header of a tar archive."""
    try:
        tarfile.TarInfo.frombuf(start[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def first_tar_member(path: Path) -> list[str]:
    """The name of the first file in the archive, compressed or not; none if it is damaged or cannot be opened."""
    try:
        with tarfile.open(path) as archive:
            return [next(one.name for one in archive if not _is_hidden(one.name, not one.isfile()))]
    except (tarfile.TarError, OSError, EOFError, StopIteration):
        return []


def sqlite_tables(path: Path) -> list[str]:
    """The names of the tables; none if the database is damaged."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            rows = database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
            )
            return [str(name) for (name,) in rows]
    except (sqlite3.Error, UnicodeDecodeError):
        return []


def _is_hidden(name: str, is_folder: bool) -> bool:
    return is_folder or name.startswith("__MACOSX") or Path(name).name.startswith(".")


def _tables_first(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: not name.lower().endswith(TABLE_SUFFIXES))
