"""`ingest --check`: look at the first rows of foreign files, guess what is what, write nothing."""

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
from etsyml_cli.ingest.formats.formats import read_blocks
from etsyml_cli.ingest.guess import Samples, event_map_of, guess_map, is_naive, kind_of, time_unit_of
from etsyml_cli.ingest.ingest import contract_for
from etsyml_cli.ingest.mapping import Mapping, check_names, map_columns, missing_columns
from etsyml_cli.ingest.rows import rejects_of
from etsyml_cli.ingest.sources import Inputs, opened_inputs
from etsyml_cli.io.rejects import Reject
from etsyml_cli.io.schema import TableSchema, table_schema

LOOKED_AT = 10_000
SAMPLED = 200
SHOWN_SAMPLES = 3
SHOWN_REJECTS = 5


class FileLook(msgspec.Struct, frozen=True):
    """A file and how it would be read."""

    name: str
    format: str
    gzipped: bool


class ColumnLook(msgspec.Struct, frozen=True):
    """A foreign column: the kind of its values, some of them, and what it would become."""

    name: str
    kind: str
    samples: list[str]
    becomes: list[str]  # our columns; none: left out


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `--check` saw and proposes."""

    table: str
    files: list[FileLook]
    columns: list[ColumnLook]
    config: IngestConfig  # as given, with the guesses
    missing: list[str]  # required columns that no foreign column seems to fill
    rows_looked_at: int
    rejected: dict[str, int]  # by reason, among the rows looked at, with the guesses; empty where columns are missing
    rejects: list[Reject]  # the first of them
    command: str  # to run next; `?` stands where only the user knows


def check(table: str, files: list[str], *, config: IngestConfig) -> CheckReport:
    """Look at the first 10,000 rows of `files` as rows of `table`, and propose how to ingest them."""
    schema = table_schema(table)
    with (
        tempfile.TemporaryDirectory() as scratch,
        opened_inputs(files, Path(scratch) / "stdin", config.delimiter) as inputs,
    ):
        header = list(dict.fromkeys(name for _, header in inputs.files for name in header.names))
        check_names(schema, header, config.map, files[0])
        samples = _samples(inputs)
        guessed = _guessed(schema, header, samples, config)
        mapping = map_columns(schema, header, guessed.map)
        missing = missing_columns(schema, mapping.columns)
        rows, rejects = (0, list[Reject]()) if missing else _trial(schema, inputs, guessed)
        return CheckReport(
            table=table,
            files=[FileLook(file.name, file.format, file.gzipped) for file, _ in inputs.files],
            columns=_columns(header, samples, mapping),
            config=guessed,
            missing=missing,
            rows_looked_at=rows,
            rejected=dict(sorted(Counter(reject.reason.value for reject in rejects).items())),
            rejects=rejects[:SHOWN_REJECTS],
            command=_command(table, files, guessed, missing),
        )


def _first_blocks(inputs: Inputs, wanted: list[str] | None = None) -> Iterator[tuple[str, Block]]:
    """The blocks of the first rows, with their file's name; of these columns or all."""
    left = LOOKED_AT
    for file, header in inputs.files:
        for block in read_blocks(file, header, header.names if wanted is None else wanted):
            block = block.head(left)
            left -= block.n_rows
            yield file.name, block
            if not left:
                return


def _samples(inputs: Inputs) -> Samples:
    samples: Samples = {}
    for _, block in _first_blocks(inputs):
        for name, cells in block.columns.items():
            values = [cells.odd.get(row, value) for row, value in enumerate(cells.array.to_pylist())]
            samples.setdefault(name, []).extend(value for value in values if value not in (None, ""))
    return {name: list(islice(values, 0, None, max(1, len(values) // SAMPLED))) for name, values in samples.items()}


def _guessed(schema: TableSchema, header: list[str], samples: Samples, config: IngestConfig) -> IngestConfig:
    """The configuration with all that the names and values of the columns tell beyond it."""
    chosen = guess_map(schema, header, samples, config.map)
    mapping = map_columns(schema, header, chosen)
    times = samples.get(mapping.columns.get("created_at", ""), [])
    events = samples.get(mapping.columns.get("event", ""), [])
    unit = config.time_unit or time_unit_of(times)
    return msgspec.structs.replace(
        config,
        map=chosen,
        time_unit=unit,
        tz=config.tz or ("UTC" if not unit and is_naive(times) else None),
        event_map=event_map_of(events, config.event_map),
    )


def _trial(schema: TableSchema, inputs: Inputs, config: IngestConfig) -> tuple[int, list[Reject]]:
    """How many rows were looked at, and all of them that would be rejected."""
    contract = contract_for(schema, inputs, config)
    rows, rejects = 0, []
    for name, block in _first_blocks(inputs, list(contract.mapping.columns.values())):
        _, problems = check_block(block, contract)
        rows += block.n_rows
        rejects += rejects_of(block, problems, name)
    return rows, rejects


def _columns(header: list[str], samples: Samples, mapping: Mapping) -> list[ColumnLook]:
    return [
        ColumnLook(
            name,
            kind_of(samples.get(name, [])),
            [str(value) for value in samples.get(name, [])[:SHOWN_SAMPLES]],
            [ours for ours, theirs in mapping.columns.items() if theirs == name],
        )
        for name in header
    ]


def _command(table: str, files: list[str], config: IngestConfig, missing: list[str]) -> str:
    words = ["etsyml", "ingest", table, *files]
    for ours, theirs in [*config.map.items(), *((name, "?") for name in missing)]:
        words += ["--map", f"{ours}={theirs}"]
    for theirs, ours in config.event_map.items():
        words += ["--event-map", f"{theirs}={ours}"]
    default = IngestConfig()
    for name in ("delimiter", "tz", "time_unit", "image_root", "max_bad_rate"):
        if getattr(config, name) != getattr(default, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(config, name))]
    return shlex.join(words)
