"""The foreign files of one ingest: found, told apart, their headers read and agreed on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.formats.files import ForeignFile, Header, find_files, tell_format
from etsyml_cli.ingest.formats.formats import read_header
from etsyml_cli.ingest.mapping import Mapping, resolve_mapping
from etsyml_cli.io.artifact import Source, source_of
from etsyml_cli.io.atomic import scratch_file
from etsyml_cli.io.schema import TableSchema
from etsyml_cli.io.text import STDIN


@dataclass(frozen=True)
class Inputs:
    """The files in order with their headers (without those that hold no line), and the folder of the first."""

    files: list[tuple[ForeignFile, Header]]
    folder: Path

    def sources(self) -> list[Source]:
        """What the table depends on: each file's name, size and hash."""
        return [msgspec.structs.replace(source_of(file.path), name=Path(file.name).name) for file, _ in self.files]

    def with_keys(self, keys: list[str]) -> Inputs:
        """The same, where each JSON Lines file may have these keys: in it an absent key is null."""
        names = dict.fromkeys(keys)
        files = [
            (
                file,
                replace(header, names=tuple(dict.fromkeys(header.names) | names)) if file.format == "jsonl" else header,
            )
            for file, header in self.files
        ]
        return replace(self, files=files)


@contextmanager
def opened_inputs(patterns: list[str], spool: Path, delimiter: str | None) -> Iterator[Inputs]:
    """The inputs that `patterns` name; `spool` holds stdin meanwhile. Raises DataError if no file has a line."""
    with scratch_file(spool) if STDIN in patterns else nullcontext():
        paths = find_files(patterns, spool)
        files = [tell_format(path, name, delimiter) for path, name in zip(paths, _names(paths, spool), strict=True)]
        headed = [(file, header) for file in files if (header := read_header(file)) is not None]
        if not headed:
            raise DataError(f"{', '.join(patterns)}: no rows")
        folder = Path.cwd() if paths[0] == spool else paths[0].absolute().parent
        keys = [name for file, header in headed if file.format == "jsonl" for name in header.names]
        yield Inputs(headed, folder).with_keys(keys)


def agreed_mapping(schema: TableSchema, inputs: Inputs, wanted: dict[str, str]) -> Mapping:
    """The one mapping of all files. Raises InputError that names a file which has other columns than the first."""
    first, *others = [
        (file.name, resolve_mapping(schema, header.names, wanted, file.name)) for file, header in inputs.files
    ]
    left_out = dict.fromkeys(first[1].left_out)
    for name, mapping in others:
        if mapping.columns != first[1].columns:
            differing = sorted(mapping.columns.keys() ^ first[1].columns.keys())
            raise InputError(
                f"{name}: other columns than {first[0]}: {', '.join(differing)} only in one of them",
                hint="Ingest such files apart, or leave a column out with --map COLUMN=",
            )
        left_out |= dict.fromkeys(mapping.left_out)
    return Mapping(first[1].columns, list(left_out))


def _names(paths: list[Path], spool: Path) -> list[str]:
    """What to call each file: its path below the folder that all share, so that no name depends on the machine."""
    parents = [str(path.absolute().parent) for path in paths if path != spool]
    shared = os.path.commonpath(parents) if parents else ""
    return ["stdin" if path == spool else os.path.relpath(path.absolute(), shared) for path in paths]
