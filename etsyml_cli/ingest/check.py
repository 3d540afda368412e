"""`ingest --check`: inspect the first rows of input files and propose a mapping; writes no files."""

from __future__ import annotations

import shlex
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.contract import check_block
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.files import InputFile
from etsyml_cli.ingest.formats.formats import read_blocks
from etsyml_cli.ingest.formats.selection import has_column
from etsyml_cli.ingest.guess import (
    Samples,
    guess_elements,
    guess_event_map,
    guess_inside,
    guess_kind,
    guess_map,
    guess_time_unit,
    is_naive,
)
from etsyml_cli.ingest.ingest import contract_for
from etsyml_cli.ingest.mapping import Mapping, check_names, map_columns, missing_columns
from etsyml_cli.ingest.rows import rejects_of
from etsyml_cli.ingest.sources import Inputs, expect_rows_on_lines, open_inputs
from etsyml_cli.io.rejects import Reject
from etsyml_cli.io.schema import TableSchema, table_schema

MAX_ROWS = 10_000
SAMPLES_PER_COLUMN = 200
N_SAMPLES_IN_REPORT = 3
N_REJECTS_IN_REPORT = 5


class FileInfo(msgspec.Struct, frozen=True):
    """An input file and its detected format."""

    name: str
    format: str
    gzipped: bool
    compression: str | None


class ColumnInfo(msgspec.Struct, frozen=True):
    """An input column: the kind of its values, a sample of them, and its target columns."""

    name: str
    kind: str
    samples: list[str]
    becomes: list[str]  # columns of the table; empty: left out


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """Findings and proposals of `ingest --check`."""

    table: str
    files: list[FileInfo]
    columns: list[ColumnInfo]
    config: IngestConfig  # the user's configuration and the guesses
    missing: list[str]  # required columns without a matching input column
    rows_looked_at: int
    rejected: dict[str, int]  # count by reason with the guessed configuration; empty if columns are missing
    rejects: list[Reject]  # the first rejects
    command: str  # the command to run next; `?` marks values that the user must supply


def check(table: str, files: list[str], *, config: IngestConfig) -> CheckReport:
    """Inspect the first 10,000 rows of `files` as rows of `table`, and propose how to ingest them."""
    schema = table_schema(table)
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_inputs(files, Path(scratch) / "stdin", config.delimiter, config.explode) as inputs,
    ):
        header = list(dict.fromkeys(name for _, header in inputs.files for name in header.names))
        expect_rows_on_lines(schema, inputs, config.map)
        paths = inputs.paths()
        check_names(schema, header, config.map, files[0], paths)
        samples = _samples(inputs, [*header, *paths])
        guessed = _guess_config(schema, [*header, *paths], samples, config)
        mapping = map_columns(schema, header, guessed.map)
        missing = missing_columns(schema, mapping.columns)
        rows, rejects = (0, list[Reject]()) if missing else _trial_run(schema, inputs, guessed)
        return CheckReport(
            table=table,
            files=[
                FileInfo(file.name, file.format, file.compression == "gzip", file.compression)
                for file, _ in inputs.files
            ],
            columns=_column_infos([*header, *paths], samples, mapping),
            config=guessed,
            missing=missing,
            rows_looked_at=rows,
            rejected=dict(sorted(Counter(reject.reason.value for reject in rejects).items())),
            rejects=rejects[:N_REJECTS_IN_REPORT],
            command=_command(table, files, guessed, missing),
        )


def _file_info(file: InputFile) -> FileInfo:
    return FileInfo(file.name, file.format, file.compression == "gzip", file.compression)


def _first_blocks(inputs: Inputs, columns: list[str]) -> Iterator[tuple[str, Block]]:
    """Blocks of the first 10,000 rows, with their file name and those of the columns that the file has."""
    n_left = MAX_ROWS
    for file, header in inputs.files:
        for block in read_blocks(file, header, [name for name in columns if has_column(header, name)]):
            block = block.head(n_left)
            n_left -= block.n_rows
            yield file.name, block
            if not n_left:
                return


def _samples(inputs: Inputs, columns: list[str]) -> Samples:
    samples: Samples = {}
    for _, block in _first_blocks(inputs, columns):
        for name, cells in block.columns.items():
            values = [cells.other_types.get(row, value) for row, value in enumerate(cells.array.to_pylist())]
            samples.setdefault(name, []).extend(value for value in values if value not in (None, ""))
    return {
        name: list(islice(values, 0, None, max(1, len(values) // SAMPLES_PER_COLUMN)))
        for name, values in samples.items()
    }


def _guess_config(schema: TableSchema, header: list[str], samples: Samples, config: IngestConfig) -> IngestConfig:
    """Complete the configuration with guesses from the names and the values of the columns."""
    column_map = guess_elements(schema, samples, config.map, config.explode) if config.explode else config.map
    column_map = guess_inside(schema, header, samples, guess_map(schema, header, samples, column_map))
    mapping = map_columns(schema, header, column_map)
    times = samples.get(mapping.columns.get("created_at", ""), [])
    events = samples.get(mapping.columns.get("event", ""), [])
    unit = config.time_unit or guess_time_unit(times)
    return msgspec.structs.replace(
        config,
        map=column_map,
        time_unit=unit,
        tz=config.tz or ("UTC" if not unit and is_naive(times) else None),
        event_map=guess_event_map(events, config.event_map),
    )


def _trial_run(schema: TableSchema, inputs: Inputs, config: IngestConfig) -> tuple[int, list[Reject]]:
    """The number of rows read, and all rejects among them."""
    contract = contract_for(schema, inputs, config)
    rows, rejects = 0, []
    for name, block in _first_blocks(inputs, list(contract.mapping.columns.values())):
        _, problems = check_block(block, contract)
        rows += block.n_rows
        rejects += rejects_of(block, problems, name)
    return rows, rejects


def _column_infos(header: list[str], samples: Samples, mapping: Mapping) -> list[ColumnInfo]:
    return [
        ColumnInfo(
            name,
            guess_kind(samples.get(name, [])),
            [str(value) for value in samples.get(name, [])[:N_SAMPLES_IN_REPORT]],
            [target for target in mapping.columns if name in mapping.parts(target)],
        )
        for name in header
    ]


def _command(table: str, files: list[str], config: IngestConfig, missing: list[str]) -> str:
    words = ["etsyml", "ingest", table, *files]
    for target, source in [*config.map.items(), *((name, "?") for name in missing)]:
        words += ["--map", f"{target}={source}"]
    for source, target in config.event_map.items():
        words += ["--event-map", f"{source}={target}"]
    default = IngestConfig()
    for name in ("explode", "delimiter", "tz", "time_unit", "image_root", "max_bad_rate"):
        if getattr(config, name) != getattr(default, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(config, name))]
    return shlex.join(words)
