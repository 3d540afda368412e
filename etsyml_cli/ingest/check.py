"""`ingest --check`: inspect the first rows of input files and propose a mapping; writes no files."""

from __future__ import annotations

import shlex
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.contract import check_block
from etsyml_cli.ingest.drop import ACTIVITY_SCHEMA, count_events
from etsyml_cli.ingest.emptied import EmptiedCells
from etsyml_cli.ingest.empty import words_by_column
from etsyml_cli.ingest.guess import (
    Samples,
    guess_elements,
    guess_event_map,
    guess_inside,
    guess_kind,
    guess_map,
    is_naive,
)
from etsyml_cli.ingest.ingest import contract_for
from etsyml_cli.ingest.mapping import Mapping, check_names, map_columns, missing_columns
from etsyml_cli.ingest.markup import decode_block
from etsyml_cli.ingest.only import take_only
from etsyml_cli.ingest.rows import activity, rejects_of
from etsyml_cli.ingest.sources import Inputs, expect_rows_on_lines, first_blocks, open_inputs
from etsyml_cli.ingest.time_unit import check_time_unit, unit_that_fits
from etsyml_cli.io.rejects import HINTS, Reject
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
    excluded: int  # number of rows without the values of `only`
    events: dict[str, int]  # number of events of owners on their own listings and of bots among the other rows
    emptied: dict[str, int]  # count of bad cells by optional column and reason; their rows are kept
    hints: list[str]  # what to do about the reasons
    command: str  # the command to run next; `?` marks values that the user must supply


def check(table: str, files: list[str], *, config: IngestConfig, listings: Path | None = None) -> CheckReport:
    """Inspect the first 10,000 rows of `files` as rows of `table`, and propose how to ingest them.

    Events of owners are counted if the table `listings` exists.
    """
    schema = table_schema(table)
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_inputs(files, Path(scratch) / "stdin", schema, config) as inputs,
    ):
        header = list(dict.fromkeys(name for _, header in inputs.files for name in header.names))
        expect_rows_on_lines(schema, inputs, config.map)
        paths = inputs.paths()
        check_names(schema, header, config.map, files[0], paths)
        samples = _samples(inputs, [*header, *paths])
        guessed = _guess_config(schema, [*header, *paths], samples, config)
        mapping = map_columns(schema, header, guessed.map)
        missing = missing_columns(schema, mapping.columns)
        trial = Trial() if missing else _trial_run(schema, inputs, guessed, listings, Path(scratch))
        return CheckReport(
            table=table,
            files=[
                FileInfo(file.name, file.format, file.compression == "gzip", file.compression)
                for file, _ in inputs.files
            ],
            columns=_column_infos([*header, *paths], samples, mapping),
            config=guessed,
            missing=missing,
            rows_looked_at=trial.rows,
            rejected=dict(sorted(Counter(reject.reason.value for reject in trial.rejects).items())),
            rejects=trial.rejects[:N_REJECTS_IN_REPORT],
            hints=[HINTS[one] for one in dict.fromkeys(reject.reason for reject in trial.rejects) if one in HINTS],
            excluded=trial.excluded,
            events=trial.events,
            emptied=trial.emptied.by_reason(),
            command=_command(table, files, guessed, missing),
        )


def _samples(inputs: Inputs, columns: list[str]) -> Samples:
    samples: Samples = {}
    for _, block in first_blocks(inputs, MAX_ROWS, columns):
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
    unit = config.time_unit or (None if config.time_format else unit_that_fits(times))
    return msgspec.structs.replace(
        config,
        map=column_map,
        time_unit=unit,
        tz=config.tz or ("UTC" if is_naive(times, unit, config.time_format) else None),
        event_map=guess_event_map(events, config.event_map),
    )


@dataclass
class Trial:
    """Counts of the rows read, all rejects among them, excluded rows and emptied cells."""

    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)
    excluded: int = 0
    events: dict[str, int] = field(default_factory=dict)
    emptied: EmptiedCells = field(default_factory=EmptiedCells)


def _trial_run(
    schema: TableSchema, inputs: Inputs, config: IngestConfig, listings: Path | None, scratch: Path
) -> Trial:
    contract = contract_for(schema, inputs, config, listings)
    inputs = inputs.with_words(words_by_column(schema, contract.mapping, config))
    check_time_unit(inputs, contract)
    trial = Trial()
    tables, active = [], [ACTIVITY_SCHEMA.empty_table()]
    for name, block in first_blocks(inputs, MAX_ROWS, contract.input_columns()):
        taken = take_only(block, contract.only, {})
        checked = check_block(decode_block(taken, contract.mapping.columns), contract)
        rows = checked.accepted()
        trial.rows += block.n_rows
        trial.excluded += block.n_rows - taken.n_rows
        trial.rejects += rejects_of(taken, checked.problems, name)
        trial.emptied.count(checked, rows, taken, contract, name)
        tables.append(rows)
        if {"user_id", "created_at"} <= contract.mapping.columns.keys():
            active.append(activity(block, contract))
    if "user_id" in schema.names() and tables:
        events, days = pa.concat_tables(tables), pa.concat_tables(active)
        trial.events = count_events(events, days, schema, contract.drop, scratch)
    return trial


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
    words += [word for column, values in config.only.items() for word in ("--only", f"{column}={','.join(values)}")]
    if config.weight_map:
        words += [
            "--weight-map",
            ",".join(f"{text}={weight!r}".removesuffix(".0") for text, weight in config.weight_map.items()),
        ]
    if config.drop:
        words += ["--drop", ",".join(config.drop)]
    if config.columns:
        words += ["--columns", ",".join(config.columns)]
    default = IngestConfig()
    for name in (
        "explode",
        "delimiter",
        "quote",
        "escape",
        "encoding",
        "tz",
        "time_unit",
        "time_format",
        "image_root",
        "max_bad_rate",
    ):
        if getattr(config, name) != getattr(default, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(config, name))]
    return shlex.join(words)
