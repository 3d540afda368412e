"""Tables on disk: Parquet (zstd) whose footer holds the manifest, so that one file tells all about itself.

The rejected rows lie beside it in `NAME.rejects.jsonl`, the run's record in `NAME.run.json`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from etsyml_cli.core.errors import InputError, did_you_mean
from etsyml_cli.io.artifact import Manifest, Plan, run_record, sha256_of, sync, to_json
from etsyml_cli.io.schema import SCHEMA_VERSION, arrow_schema, table_schema

MANIFEST_KEY = b"etsyml.manifest"
ROW_GROUP_ROWS = 1 << 17


def rejects_path(table: Path) -> Path:
    return table.with_name(f"{table.stem}.rejects.jsonl")


def run_path(table: Path) -> Path:
    return table.with_name(f"{table.stem}.run.json")


class TableDraft:
    """A table in the making: a scratch directory, the open rejects file, counts for the manifest."""

    def __init__(self, scratch: Path, rejects: IO[bytes]) -> None:
        self.scratch = scratch
        self.rejects = rejects
        self.rows: dict[str, int] = {}
        self.facts: dict[str, Any] = {}


@contextmanager
def table_draft(target: Path, plan: Plan) -> Iterator[TableDraft]:
    """Write a table: leave `scratch/table.parquet` closed but for its footer's manifest, which `seal` adds.

    The block gets a TableDraft; when it ends without an error the table and its rejects appear.
    """
    started = time.time()
    scratch = target.parent / f".{target.stem}.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        with (scratch / "rejects.jsonl").open("wb") as rejects:
            draft = TableDraft(scratch, rejects)
            yield draft
        (scratch / "run.json").write_bytes(to_json(run_record(started)))
        for name, place in (
            ("rejects.jsonl", rejects_path(target)),
            ("run.json", run_path(target)),
            ("table.parquet", target),  # last: the table is what says that all is done
        ):
            sync(scratch / name)
            (scratch / name).replace(place)
        sync(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def seal(writer: pq.ParquetWriter, draft: TableDraft, plan: Plan) -> None:
    """Put the manifest into the footer and close the file."""
    draft.rejects.flush()
    outputs = {"rejects.jsonl": sha256_of(draft.scratch / "rejects.jsonl")}
    manifest = Manifest(plan=plan, rows=draft.rows, facts=draft.facts, outputs=outputs)
    writer.add_key_value_metadata({MANIFEST_KEY: msgspec.json.encode(manifest, order="deterministic")})
    writer.close()


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    schema = schema.with_metadata({b"schema_version": str(SCHEMA_VERSION).encode()})
    return pq.ParquetWriter(path, schema, compression="zstd")


def table_manifest(path: Path) -> Manifest:
    """The manifest in a table's footer. Raises InputError where `path` is no table of ours."""
    metadata = _open(path).schema_arrow.metadata or {}
    footer = _open(path).metadata.metadata or {}
    if MANIFEST_KEY not in footer or b"schema_version" not in metadata:
        raise InputError(f"{path}: not a table that `etsyml ingest` wrote", hint="Ingest the file first.")
    version = int(metadata[b"schema_version"])
    if version != SCHEMA_VERSION:
        raise InputError(f"{path}: schema version {version}, this program reads {SCHEMA_VERSION}; ingest again")
    return msgspec.json.decode(footer[MANIFEST_KEY], type=Manifest)


def table_is_up_to_date(path: Path, plan: Plan) -> bool:
    """Whether the table was made by just this plan and its rejects are still beside it."""
    if not path.is_file() or not rejects_path(path).is_file():
        return False
    try:
        manifest = table_manifest(path)
    except InputError:
        return False
    return manifest.plan == msgspec.json.decode(msgspec.json.encode(plan), type=Plan)


def open_table(path: Path, name: str) -> pq.ParquetFile:
    """A table of this name. Raises InputError for a missing file, another table, another schema version."""
    manifest = table_manifest(path) if path.exists() else None
    if manifest is None:
        raise InputError(f"{path}: no {name} table here", hint=f"Make it with: etsyml ingest {name} FILE")
    if manifest.plan.kind != f"table:{name}":
        raise InputError(f"{path}: expected the {name} table, found {manifest.plan.kind}")
    return _open(path)


def read_table(path: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """The table as Arrow, with these columns or all; an optional column the file lacks comes as nulls.

    Raises InputError for a column that the table cannot have.
    """
    file = open_table(path, name)
    present = file.schema_arrow.names
    wanted = columns or present
    schema = table_schema(name)
    for column in wanted:
        if column not in present and schema.column(column) is None:
            raise InputError(f"{path}: no column {column!r}", hint=did_you_mean(column, present))
    table = file.read([column for column in wanted if column in present])
    for column in wanted:
        if column not in present:
            field = arrow_schema(schema, [column]).field(0)
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(wanted)


def _open(path: Path) -> pq.ParquetFile:
    if path.is_dir():
        raise InputError(f"{path}: a directory, where a table file was expected")
    try:
        return pq.ParquetFile(path, memory_map=True)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: no Parquet file ({str(error).splitlines()[0]})") from None
