"""The input files of one ingest: find them, detect formats, read headers, map columns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.csv_options import csv_options
from etsyml_cli.ingest.formats.files import Header, InputFile, detect_format, find_files
from etsyml_cli.ingest.formats.formats import read_blocks, read_header
from etsyml_cli.ingest.mapping import Mapping, resolve_mapping
from etsyml_cli.io.artifact import Source, source_of
from etsyml_cli.io.atomic import scratch_file
from etsyml_cli.io.schema import TableSchema
from etsyml_cli.io.text import STDIN


@dataclass(frozen=True)
class Inputs:
    """The non-empty files in order with their headers, and the directory of the first file."""

    files: list[tuple[InputFile, Header]]
    folder: Path

    def sources(self) -> list[Source]:
        """Name, size and hash of each file."""
        return [msgspec.structs.replace(source_of(file.path), name=Path(file.name).name) for file, _ in self.files]

    def with_keys(self, keys: list[str]) -> Inputs:
        """A copy in which each JSON Lines file also has these keys (a missing key is null)."""
        names = dict.fromkeys(keys)
        files = [
            (
                file,
                replace(header, names=tuple(dict.fromkeys(header.names) | names)) if file.format == "jsonl" else header,
            )
            for file, header in self.files
        ]
        return replace(self, files=files)

    def with_words(self, words: dict[str, tuple[str, ...]]) -> Inputs:
        """A copy in which these texts, by input column, are not read as empty cells."""
        return replace(self, files=[(file, replace(header, words=words)) for file, header in self.files])


@contextmanager
def open_inputs(patterns: list[str], spool: Path, schema: TableSchema, config: IngestConfig) -> Iterator[Inputs]:
    """Open the files that match `patterns`; stdin is copied to `spool`.

    Raises DataError if all files are empty, InputError if a header is a row, UsageError for options that do not fit.
    """
    options = csv_options(config)
    with scratch_file(spool) if STDIN in patterns else nullcontext():
        paths = find_files(patterns, spool)
        files = [detect_format(path, name, options) for path, name in zip(paths, _names(paths, spool), strict=True)]
        _expect_no_columns_of_their_own(files)
        with_headers = [(file, header) for file in files if (header := read_header(file)) is not None]
        if not with_headers:
            raise DataError(f"{', '.join(patterns)}: no rows")
        _expect_headers(schema, with_headers)
        folder = Path.cwd() if paths[0] == spool else paths[0].absolute().parent
        keys = [name for file, header in with_headers if file.format == "jsonl" for name in header.names]
        yield Inputs(with_headers, folder).with_keys(keys)


def first_blocks(inputs: Inputs, n_rows: int, columns: Sequence[str] | None = None) -> Iterator[tuple[str, Block]]:
    """Blocks of the first `n_rows` rows with the name of their file; all columns by default."""
    for file, header in inputs.files:
        for block in read_blocks(file, header, header.names if columns is None else columns):
            block = block.head(n_rows)
            n_rows -= block.n_rows
            yield file.name, block
            if not n_rows:
                return


def common_mapping(schema: TableSchema, inputs: Inputs, user_map: dict[str, str]) -> Mapping:
    """The common mapping of all files. Raises InputError if a file's columns differ from those of the first file."""
    first, *others = [
        (file.name, resolve_mapping(schema, header.names, user_map, file.name)) for file, header in inputs.files
    ]
    left_out = dict.fromkeys(first[1].left_out)
    for name, mapping in others:
        if mapping.columns != first[1].columns:
            differing = sorted(mapping.columns.keys() ^ first[1].columns.keys())
            raise InputError(
                f"{name}: columns differ from {first[0]}: {', '.join(differing)} in only one of them",
                hint="Ingest the files separately, or leave the column out with --map COLUMN=",
            )
        left_out |= dict.fromkeys(mapping.left_out)
    return Mapping(first[1].columns, list(left_out))


def _expect_no_columns_of_their_own(files: list[InputFile]) -> None:
    """Raise UsageError if `--columns` names the columns of a file whose format has names."""
    file = next((file for file in files if file.csv.columns and file.format != "csv"), None)
    if file:
        raise UsageError(
            f"--columns: {file.name} is not CSV ({file.format}), and its columns have names",
            hint="Leave out --columns, and give names with --map OURS=THEIRS.",
        )


def _expect_headers(schema: TableSchema, files: list[tuple[InputFile, Header]]) -> None:
    """Raise InputError if a file has a row in place of a header."""
    for file, header in files:
        if not header.is_data:
            continue
        n = len(header.names)
        alike = (other.names for _, other in files if not other.is_data and len(other.names) == n)
        names = ",".join(next(alike, _example_names(schema, n)))
        cells = ", ".join(header.names[:5])
        raise InputError(
            f"{file.name}: the first line looks like a row, not like a header: {cells}{', …' * (n > 5)}",
            hint=f"If there is no header, name the columns in the order of the file, such as --columns {names}",
        )


def _example_names(schema: TableSchema, n: int) -> tuple[str, ...]:
    """Names for n columns: first those that the table requires; the others, such as `column_5`, are left out."""
    required = [column.name for column in schema.columns if column.required]
    names = [*required, *(schema.one_of[0] if schema.one_of else ())]
    return tuple(names[i] if i < len(names) else f"column_{i + 1}" for i in range(n))


def _names(paths: list[Path], spool: Path) -> list[str]:
    """Each file's path relative to the common directory, so that names do not depend on the machine."""
    parents = [str(path.absolute().parent) for path in paths if path != spool]
    shared = os.path.commonpath(parents) if parents else ""
    return ["stdin" if path == spool else os.path.relpath(path.absolute(), shared) for path in paths]
