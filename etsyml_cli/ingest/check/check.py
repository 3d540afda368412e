"""`ingest --check`: inspect the first rows of input files and propose a command that is known to work for them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.ingest.check.command import command_for
from etsyml_cli.ingest.check.guess import (
    Samples,
    guess_decimal,
    guess_elements,
    guess_event_map,
    guess_inside,
    guess_kind,
    guess_map,
    is_naive,
)
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.contract import Contract
from etsyml_cli.ingest.formats.files import InputFile
from etsyml_cli.ingest.ingest import INSPECT, contract_for, fill_table
from etsyml_cli.ingest.mapping import Mapping, check_names, map_columns, missing_columns, suggest
from etsyml_cli.ingest.presets import PresetConfig, fit, keys_set, load_preset, recognize, with_preset
from etsyml_cli.ingest.selection.drop import ACTIVITY_SCHEMA, activity_of, count_events
from etsyml_cli.ingest.sources import Inputs, expect_rows_on_lines, first_blocks, open_inputs
from etsyml_cli.ingest.time_unit import unit_that_fits
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.rejects import Reject
from etsyml_cli.io.schema import TableSchema, table_schema
from etsyml_cli.io.tables import TableDraft, table_draft

MAX_ROWS = 10_000
SAMPLES_PER_COLUMN = 200
N_SAMPLES_IN_REPORT = 3
N_REJECTS_IN_REPORT = 5
NOT_NOTES = ("reasons", "mapping", "left_out", "image_root")  # facts that the report has in other places
FIX = "Fix these rows, leave a column out with --map COLUMN=, or raise --max-bad-rate."


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


@dataclass(frozen=True)
class Sampled:
    """The files, what their first rows contain, and the listings table of the workspace, if any."""

    schema: TableSchema
    inputs: Inputs
    names: list[str]  # columns, and paths into columns of objects
    samples: Samples
    gaps: dict[str, float]  # share of the rows in which a column is empty, if any
    listings: Path | None


@dataclass(frozen=True)
class Proposal:
    """A way to read the files: the options of a command, and the configuration that they result in."""

    preset: str | None
    options: IngestConfig
    config: IngestConfig


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What an import of the first rows led to."""

    rows_looked_at: int = 0
    rows: dict[str, int] = {}  # counts as in the summary of an import
    rejected: dict[str, int] = {}  # count by reason
    notes: dict[str, Any] = {}  # the other counts of the summary
    rejects: list[Reject] = []  # the first ones
    events: dict[str, int] = {}  # number of events of owners on their own listings and of bots
    problem: str | None = None  # why the import fails
    hint: str | None = None  # what to do about it


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """Findings and proposals of `ingest --check`."""

    table: str
    files: list[FileInfo]
    preset: str | None  # given or recognized
    columns: list[ColumnInfo]
    config: IngestConfig  # the user's configuration, completed by the preset or by guesses
    missing: list[str]  # required columns without a matching input column
    trial: Trial
    command: str | None  # the command to run next; None if it would fail


def check(table: str, files: list[str], *, config: IngestConfig, listings: Path | None = None) -> CheckReport:
    """Inspect the first 10,000 rows of `files` as rows of `table`, and propose how to ingest them.

    Events of owners are counted if the table `listings` exists. Raises UsageError or InputError if the files cannot be
    read, or the configuration does not fit their columns.
    """
    schema = table_schema(table)
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_inputs(files, Path(scratch) / "stdin", schema, config) as inputs,
    ):
        sampled = _sampled(schema, inputs, config, listings)
        tried = [
            (proposal, _trial_run(sampled, proposal.config, Path(scratch))) for proposal in _proposals(sampled, config)
        ]
        chosen, trial = next((one for one in tried if one[1].problem is None), tried[0])
        mapping = map_columns(schema, inputs.header(), chosen.config.map)
        return CheckReport(
            table=table,
            files=[_file_info(file) for file, _ in inputs.files],
            preset=chosen.preset,
            columns=_column_infos(sampled.names, sampled.samples, mapping),
            config=chosen.config,
            missing=missing_columns(schema, mapping.columns),
            trial=trial,
            command=command_for(table, files, chosen.preset, chosen.options) if trial.problem is None else None,
        )


def _file_info(file: InputFile) -> FileInfo:
    return FileInfo(file.name, file.format, file.compression == "gzip", file.compression)


def _sampled(schema: TableSchema, inputs: Inputs, config: IngestConfig, listings: Path | None) -> Sampled:
    """The values in the first rows. Raises UsageError or InputError if the configuration does not fit the columns."""
    user_map, paths = fit(config, schema, inputs).map, inputs.paths()
    expect_rows_on_lines(schema, inputs, user_map)
    check_names(schema, inputs.header(), user_map, inputs.files[0][0].name, paths)
    names = [*inputs.header(), *paths]
    filled: Samples = {}
    n_rows = 0
    for _, block in first_blocks(inputs, MAX_ROWS, names):
        n_rows += len(block.lines)
        for name, cells in block.columns.items():
            values = [cells.other_types.get(row, value) for row, value in enumerate(cells.array.to_pylist())]
            filled.setdefault(name, []).extend(value for value in values if value not in (None, ""))
    samples = {name: values[:: max(1, len(values) // SAMPLES_PER_COLUMN)] for name, values in filled.items()}
    gaps = {name: 1 - len(values) / n_rows for name, values in filled.items() if len(values) < n_rows}
    return Sampled(schema, inputs, names, samples, gaps, listings)


def _proposals(sampled: Sampled, config: IngestConfig) -> list[Proposal]:
    """The best first: a preset that was given or is recognized, guesses."""
    schema, inputs = sampled.schema, sampled.inputs
    if isinstance(config, PresetConfig):
        return [Proposal(config.preset, config.user, fit(config, schema, inputs))]
    guess = _guess_config(sampled, config)
    proposals = [Proposal(None, guess, guess)]
    preset = recognize(schema, inputs)
    if preset is not None:
        completed = with_preset(config, keys_set(config), load_preset(preset), schema.name)
        proposals.insert(0, Proposal(preset, config, fit(completed, schema, inputs)))
    return proposals


def _guess_config(sampled: Sampled, config: IngestConfig) -> IngestConfig:
    """Complete the configuration with guesses from the names and the values of the columns."""
    schema, names, samples = sampled.schema, sampled.names, sampled.samples
    with_gaps = [name for name, share in sampled.gaps.items() if share > config.max_bad_rate]
    column_map = guess_elements(schema, samples, config.map, config.explode) if config.explode else config.map
    column_map = guess_map(schema, names, samples, guess_inside(schema, names, samples, column_map), with_gaps)
    mapping = map_columns(schema, sampled.inputs.header(), column_map)
    times = samples.get(mapping.columns.get("created_at", ""), [])
    events = samples.get(mapping.columns.get("event", ""), [])
    unit = config.time_unit or (None if config.time_format else unit_that_fits(times))
    return msgspec.structs.replace(
        config,
        map=column_map,
        decimal=config.decimal if config.decimal != "." else guess_decimal(schema, samples, mapping.columns),
        time_unit=unit,
        tz=config.tz or ("UTC" if is_naive(times, unit, config.time_format) else None),
        event_map=guess_event_map(events, config.event_map),
    )


def _trial_run(sampled: Sampled, config: IngestConfig, scratch: Path) -> Trial:
    """Import the first rows into a table in `scratch`."""
    schema, inputs = sampled.schema, sampled.inputs
    missing = missing_columns(schema, map_columns(schema, inputs.header(), config.map).columns)
    if missing:
        return Trial(
            problem=f"no column found for {' and '.join(missing)}", hint=_missing_hint(schema, missing, sampled.gaps)
        )
    draft, rejects, failure, events = None, list[Reject](), None, dict[str, int]()
    try:
        contract = contract_for(schema, inputs, config, sampled.listings)
        plan = Plan(kind=f"table:{schema.name}", config={}, inputs={})
        with table_draft(scratch / f"{schema.name}.parquet", plan, force=True) as draft:
            try:
                fill_table(draft, inputs, contract, config, MAX_ROWS)
            finally:
                rejects = _first_rejects(draft)
            events = _events(draft, contract)
    except (InputError, DataError) as error:
        failure = error
    rows, facts = (draft.rows, draft.facts) if draft else ({}, {})
    return Trial(
        rows_looked_at=rows.get("in", 0),
        rows=rows,
        rejected=facts.get("reasons", {}),
        notes={name: fact for name, fact in facts.items() if name not in NOT_NOTES},
        rejects=rejects,
        events=events,
        problem=failure.message.splitlines()[0] if failure else None,
        hint=(FIX if failure.hint == INSPECT else failure.hint) if failure else None,
    )


def _events(draft: TableDraft, contract: Contract) -> dict[str, int]:
    """The numbers of events of owners on their own listings and of bots in the table."""
    if contract.schema.column("user_id") is None:
        return {}
    events = pq.read_table(draft.table)
    has_times = {"user_id", "created_at"} <= set(events.column_names)
    active = activity_of(events["user_id"], events["created_at"]) if has_times else ACTIVITY_SCHEMA.empty_table()
    found = count_events(events, active, contract.schema, contract.drop, draft.scratch)
    return found | {kind: draft.facts["excluded"].get(kind, 0) for kind in contract.drop.kinds}


def _missing_hint(schema: TableSchema, missing: list[str], gaps: dict[str, float]) -> str:
    options = " ".join(f"--map {target}=COLUMN" for target in missing)
    unfit = {name: gaps[name] for target in missing if (name := suggest(schema, target, gaps))}
    why = "".join(f" {name} is empty in {share:.0%} of the rows." for name, share in unfit.items())
    return f"Name {'it' if len(missing) == 1 else 'them'}: {options}.{why}"


def _first_rejects(draft: TableDraft) -> list[Reject]:
    draft.rejects.flush()
    with (draft.scratch / "rejects.jsonl").open("rb") as lines:
        return [msgspec.json.decode(line, type=Reject) for line in islice(lines, N_REJECTS_IN_REPORT)]


def _column_infos(header: list[str], samples: Samples, mapping: Mapping) -> list[ColumnInfo]:
    return [
        ColumnInfo(
            name,
            guess_kind(samples.get(name, [])),
            [str(value) for value in samples.get(name, [])[:N_SAMPLES_IN_REPORT]],
            [target for target, source in mapping.columns.items() if source == name],
        )
        for name in header
    ]
