"""The input files of one ingest: find them, detect formats, read headers, map columns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.errors import DataError, InputError, UsageError, did_you_mean
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.csv_options import csv_options
from etsyml_cli.ingest.formats.files import Header, InputFile, detect_format, find_files, refusal
from etsyml_cli.ingest.formats.foreign import object_kind
from etsyml_cli.ingest.formats.formats import read_blocks, read_header, sample
from etsyml_cli.ingest.formats.paths import Place, decoded, is_nested, origin_of, parts_of, paths_in, place_of
from etsyml_cli.ingest.formats.selection import exploded, has_column
from etsyml_cli.ingest.mapping import Mapping, expect_values, map_columns, missing_columns, resolve_mapping
from etsyml_cli.io.artifact import Source, source_of
from etsyml_cli.io.atomic import scratch_file
from etsyml_cli.io.schema import TableSchema
from etsyml_cli.io.text import STDIN

SAMPLED_ROWS = 10_000  # of all files
MIN_SAMPLED_ROWS = 100  # of each


@dataclass(frozen=True)
class Inputs:
    """The non-empty files in order with their headers, and the directory of the first file."""

    files: list[tuple[InputFile, Header]]
    folder: Path

    def sources(self) -> list[Source]:
        """Name, size and hash of each file."""
        return [msgspec.structs.replace(source_of(file.path), name=Path(file.name).name) for file, _ in self.files]

    def header(self) -> list[str]:
        """The columns of all files, each once."""
        return list(dict.fromkeys(name for _, header in self.files for name in header.names))

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

    def exploded(self, column: str) -> Inputs:
        """A copy whose rows are the elements of the lists in `column`. Raises UsageError if it holds none."""
        for file, header in self.files:
            if place_of(column, header.names) is None:
                raise UsageError(
                    f"--explode {column}: {file.name} has no column {column!r}",
                    hint=did_you_mean(column, [*header.names, *self.paths()]),
                )
        samples = [sample(file, header, [column], self._sampled_rows()) for file, header in self.files]
        found = [decoded(value) for one in samples for value in one.get(column, ()) if value is not None]
        if not any(isinstance(value, list | dict | str) for value in found) and (found or "." in column):
            raise UsageError(
                f"--explode {column}: no lists in the first rows", hint=did_you_mean(column, _above(self.paths()))
            )
        return replace(self, files=[(file, exploded(header, column)) for file, header in self.files])

    def paths(self) -> list[str]:
        """The paths to the values in the columns of objects, by the first rows of each file."""
        found: dict[str, None] = {}
        for file, header in self.files:
            names = [name for name in header.names if name not in header.added or name == header.explode]
            for name, values in sample(file, header, names, self._sampled_rows()).items():
                found |= dict.fromkeys(paths_in(name, values))
        return list(found)

    def nested(self, parts: Iterable[str]) -> frozenset[str]:
        """Those of the columns and paths that mostly hold objects or lists of objects."""
        nested = frozenset().union(*(header.nested for _, header in self.files)).intersection(parts)
        names = {name for _, header in self.files for name in header.names}
        inside = [part for part in parts if part not in names and part[0] != "="]
        values: dict[str, list[Any]] = {part: [] for part in inside}
        for file, header in self.files if inside else ():
            here = [part for part in inside if has_column(header, part)]
            for part, found in sample(file, header, here, self._sampled_rows()).items():
                values[part] += [value for value in found if value not in (None, [])]
        return nested | {part for part, found in values.items() if 2 * sum(map(is_nested, found)) > len(found)}

    def _sampled_rows(self) -> int:
        return max(MIN_SAMPLED_ROWS, SAMPLED_ROWS // len(self.files))


@contextmanager
def open_inputs(patterns: list[str], spool: Path, schema: TableSchema, config: IngestConfig) -> Iterator[Inputs]:
    """Open the files that match `patterns`; stdin is copied to `spool`.

    With `config.explode`, the rows are the elements of the lists in this column. Raises DataError if all files are
    empty, InputError if a header is a row, UsageError for options that do not fit.
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
        inputs = Inputs(with_headers, folder).with_keys(keys)
        yield inputs.exploded(config.explode) if config.explode else inputs


def first_blocks(inputs: Inputs, n_rows: int, columns: Sequence[str] | None = None) -> Iterator[tuple[str, Block]]:
    """Blocks of the first `n_rows` rows with the name of their file; all columns by default."""
    for file, header in inputs.files:
        chosen = header.names if columns is None else [name for name in columns if has_column(header, name)]
        for block in read_blocks(file, header, chosen):
            block = block.head(n_rows)
            n_rows -= block.n_rows
            yield file.name, block
            if not n_rows:
                return


def common_mapping(schema: TableSchema, inputs: Inputs, user_map: dict[str, str]) -> Mapping:
    """The common mapping of all files. Raises InputError if a file's columns differ from those of the first file."""
    expect_rows_on_lines(schema, inputs, user_map)
    paths = inputs.paths() if _has_paths(inputs, user_map) else ()
    first, *others = [
        (file.name, resolve_mapping(schema, header.names, user_map, file.name, paths)) for file, header in inputs.files
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
    nested = inputs.nested([part for target in first[1].columns for part in first[1].parts(target)])
    if nested:
        expect_values(schema, first[1], [path for path in paths or inputs.paths() if _is_in(path, nested)], first[0])
    return replace(first[1], left_out=list(left_out))


def _has_paths(inputs: Inputs, user_map: dict[str, str]) -> bool:
    """Whether a part of a source is a path into a column, or wrong: the paths then belong in the error."""
    origins = (
        origin_of(part, header.names)
        for _, header in inputs.files
        for source in filter(None, user_map.values())
        for part in parts_of(source, header.names)
    )
    return any(origin is None or (isinstance(origin, Place) and bool(origin.keys)) for origin in origins)


def expect_rows_on_lines(schema: TableSchema, inputs: Inputs, user_map: dict[str, str]) -> None:
    """Raise InputError if a file is one object that lacks required columns and holds a list of objects."""
    for file, header in inputs.files:
        if header.rows_in and not header.explode:
            known = {target: source for target, source in user_map.items() if not source or has_column(header, source)}
            if known != user_map or missing_columns(schema, map_columns(schema, header.names, known).columns):
                raise refusal(file, object_kind(header.rows_in))


def _is_in(path: str, parts: Iterable[str]) -> bool:
    return any(path.startswith(f"{part}.") for part in parts)


def _above(paths: list[str]) -> list[str]:
    """All that contain something: `a` and `a.b` of the path `a.b.c`."""
    return list(dict.fromkeys(path[:dot] for path in paths for dot in range(len(path)) if path[dot] == "."))


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
