"""Tables on disk: Parquet (zstd) with the manifest in the footer, so that one file is self-describing.

The rejected rows are stored next to it in `NAME.rejects.jsonl`, the record of the run in `NAME.run.json`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.io.artifact import (
    PLAN,
    Manifest,
    Plan,
    Source,
    remove_draft,
    source_of,
    to_json,
    was_made_by,
)
from etsyml_cli.io.atomic import is_as_written, only_writer, record, refuse_link, sha256_of, sync
from etsyml_cli.io.run_record import outputs_of_run, run_record
from etsyml_cli.io.schema import SCHEMA_VERSION, arrow_schema, table_schema
from etsyml_cli.io.wide import widened

MANIFEST_KEY = b"etsyml.manifest"
ROW_GROUP_ROWS = 1 << 17
ROW_GROUP_BYTES = 32 << 20


def rejects_path(table: Path) -> Path:
    return table.with_name(f"{table.stem}.rejects.jsonl")


def run_path(table: Path) -> Path:
    return table.with_name(f"{table.stem}.run.json")


class TableDraft:
    """A table being written: a scratch directory, the open rejects file, the plan and counts for the manifest."""

    def __init__(self, scratch: Path, rejects: IO[bytes], plan: Plan) -> None:
        self.scratch = scratch
        self.plan = plan
        self.rejects = rejects
        self.rows: dict[str, int] = {}
        self.facts: dict[str, Any] = {}

    @property
    def table(self) -> Path:
        return self.scratch / "table.parquet"


@contextmanager
def table_draft(target: Path, plan: Plan, *, force: bool = False) -> Iterator[TableDraft]:
    """Write a table: the block fills `draft.table` and ends with `seal`; then the table and its rejects appear.

    If an error occurs before that, existing files are unchanged. Files that etsyml did not write are refused
    (UsageError) without `force`.
    """
    _refuse_foreign_table(target, force=force)
    started = time.time()
    scratch = target.with_name(f".{target.stem}.partial")
    with only_writer(target) as lock:
        _clear(scratch)
        try:
            scratch.mkdir()
            (scratch / PLAN).write_bytes(to_json(plan))
            with (scratch / "rejects.jsonl").open("wb") as rejects:
                yield TableDraft(scratch, rejects, plan)
            outputs = [target.name, rejects_path(target).name]
            (scratch / "run.json").write_bytes(to_json(run_record(started, outputs)))
            record(lock, target, scratch / "table.parquet")
            _move_in(scratch, target)
        finally:
            remove_draft(scratch)


def _refuse_foreign_table(target: Path, *, force: bool) -> None:
    """Raises UsageError for a link, a directory and, without `force`, for files that etsyml did not write."""
    ours = force or outputs_of_run(run_path(target)) is not None or _is_table(target)
    for path in (target, rejects_path(target), run_path(target)):
        refuse_link(path)
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a file that can be replaced", hint="Choose another path.")
        if path.exists() and not ours:
            raise UsageError(
                f"{path}: already exists, and etsyml did not write it", hint="Choose another path or add --force."
            )


def _is_table(path: Path) -> bool:
    try:
        return path.is_file() and bool(table_manifest(path))
    except InputError:
        return False


def seal(writer: pq.ParquetWriter, draft: TableDraft) -> None:
    """Write the manifest to the footer and close the file."""
    draft.rejects.flush()
    outputs = {"rejects.jsonl": sha256_of(draft.scratch / "rejects.jsonl")}
    manifest = Manifest(plan=draft.plan, rows=draft.rows, facts=draft.facts, outputs=outputs)
    writer.add_key_value_metadata({MANIFEST_KEY: msgspec.json.encode(manifest)})
    writer.close()


def parquet_writer(path: Path, schema: pa.Schema, *, unlike: Collection[str] = ()) -> pq.ParquetWriter:
    """A writer for etsyml's tables; columns with mostly distinct values, `unlike`, get no dictionary."""
    schema = schema.with_metadata({b"schema_version": str(SCHEMA_VERSION).encode()})
    repetitive = [field.name for field in schema if field.name not in unlike and not pa.types.is_timestamp(field.type)]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=[*repetitive, "tags.list.element"])


class RowGroups:
    """Collects rows until they fill a row group, by number or by size, and writes it."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self.writer = writer
        self._waiting: list[pa.Table] = []

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        while sum(part.num_rows for part in self._waiting) >= ROW_GROUP_ROWS:
            gathered = pa.concat_tables(self._waiting)
            self.writer.write_table(gathered.slice(0, ROW_GROUP_ROWS))
            self._waiting = [gathered.slice(ROW_GROUP_ROWS)]
        if sum(part.nbytes for part in self._waiting) >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        gathered = pa.concat_tables(self._waiting) if self._waiting else None
        if gathered is not None and gathered.num_rows:
            self.writer.write_table(gathered)
        self._waiting = []


def table_manifest(path: Path) -> Manifest:
    """The manifest in a table's footer. Raises InputError if `path` is not a table of etsyml, or damaged."""
    file = open_table_file(path)
    metadata = file.schema_arrow.metadata or {}
    footer = file.metadata.metadata or {}
    if MANIFEST_KEY not in footer or b"schema_version" not in metadata:
        raise InputError(f"{path}: not a table that `etsyml ingest` wrote", hint="Ingest the file first.")
    version = metadata[b"schema_version"].decode("utf-8", "replace")
    if version != str(SCHEMA_VERSION):
        raise InputError(f"{path}: schema version is {version}, expected {SCHEMA_VERSION}; ingest again")
    try:
        return msgspec.json.decode(footer[MANIFEST_KEY], type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InputError(f"{path}: damaged, its manifest cannot be read", hint="Ingest the file again.") from None


def table_is_up_to_date(path: Path, plan: Plan) -> bool:
    """Whether the table was made by exactly this plan, and it and its rejects are unchanged."""
    if not is_as_written(path) or not rejects_path(path).is_file():
        return False
    try:
        manifest = table_manifest(path)
    except InputError:
        return False
    same_rejects = manifest.outputs.get("rejects.jsonl") == sha256_of(rejects_path(path))
    return same_rejects and was_made_by(manifest, plan)


def table_source(path: Path, name: str) -> Source:
    """A table as an input. Raises InputError, with the command that makes it, if it is not found."""
    _expect_here(path, name)
    return source_of(path)


def open_table(path: Path, *names: str, dictionaries: Collection[str] = ()) -> pq.ParquetFile:
    """Open a table of one of these names, with the columns of `dictionaries` as dictionaries.

    Raises InputError for a missing file, another table, another schema version.
    """
    _expect_here(path, names[0])
    manifest = table_manifest(path)
    if manifest.plan.kind not in [f"table:{name}" for name in names]:
        raise InputError(f"{path}: expected the {' or '.join(names)} table, found {manifest.plan.kind}")
    return open_table_file(path, dictionaries)


def read_table(path: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """The table as Arrow, with these columns or all; a missing optional column is all nulls.

    Raises InputError for a column that the table cannot have.
    """
    file = open_table(path, name)
    selected = _expect_columns(path, name, columns, file.schema_arrow.names)
    return widened(_completed(_read(file, _present(file, selected)), name, selected))


def _read(file: pq.ParquetFile, columns: list[str]) -> pa.Table:
    """The columns, read by row group: pyarrow reads at most 2 GiB of a list column at once."""
    groups = [file.read_row_group(number, columns) for number in range(file.num_row_groups)]
    return pa.concat_tables(groups) if groups else file.read(columns)


def read_in_pieces(path: Path, name: str, columns: list[str], rows_at_once: int) -> Iterator[pa.Table]:
    """The same as `read_table`, in pieces with a limited number of rows."""
    file = open_table(path, name)
    selected = _expect_columns(path, name, columns, file.schema_arrow.names)
    for batch in file.iter_batches(rows_at_once, columns=_present(file, selected)):
        yield _completed(pa.Table.from_batches([batch]), name, selected)


def _expect_columns(path: Path, name: str, columns: list[str] | None, present: list[str]) -> list[str]:
    schema = table_schema(name)
    for column in columns or []:
        if column not in present and schema.column(column) is None:
            raise InputError(f"{path}: no column {column!r}", hint=did_you_mean(column, present))
    return columns or present


def _present(file: pq.ParquetFile, selected: list[str]) -> list[str]:
    return [column for column in selected if column in file.schema_arrow.names]


def _completed(table: pa.Table, name: str, selected: list[str]) -> pa.Table:
    """The table with nulls for the requested columns that it lacks."""
    for column in selected:
        if column not in table.column_names:
            field = arrow_schema(table_schema(name), [column]).field(0)
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(selected)


def _expect_here(path: Path, name: str) -> None:
    if not path.exists():
        raise InputError(f"{path}: {name} table not found", hint=f"Make it with: etsyml ingest {name} FILE")


def _clear(scratch: Path) -> None:
    """Remove the draft that a killed run left behind. Raises UsageError if it contains no plan."""
    refuse_link(scratch)
    if not scratch.exists():
        return
    found = sorted(scratch.iterdir())
    for entry in found:
        refuse_link(entry)
    if found and not (scratch / PLAN).is_file():
        raise UsageError(f"{scratch}: contains {found[0].name}, which etsyml did not write", hint="Move it.")
    remove_draft(scratch)


def _move_in(scratch: Path, target: Path) -> None:
    for name, place in (
        ("run.json", run_path(target)),  # first: it marks the other files as written by etsyml
        ("rejects.jsonl", rejects_path(target)),
        ("table.parquet", target),  # last: the table marks the output as complete
    ):
        sync(scratch / name)
        (scratch / name).replace(place)
    sync(target.parent)


def open_table_file(path: Path, dictionaries: Collection[str] = ()) -> pq.ParquetFile:
    if path.is_dir():
        raise InputError(f"{path}: expected a table file, found a directory")
    try:
        return pq.ParquetFile(path, memory_map=True, read_dictionary=list(dictionaries))
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from None
