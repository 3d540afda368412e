"""Describe a file or directory that etsyml wrote: its kind, inputs, rows and settings, and whether it is intact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import MANIFEST, Manifest, damaged_files, read_manifest
from etsyml_cli.io.atomic import is_as_written, recorded, sha256_of
from etsyml_cli.io.schema import TABLES
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.systems import EXPECTED_MODELS

FIRST_ROWS = 3


class Origin(msgspec.Struct, kw_only=True):
    """How a file or directory was made."""

    path: str
    kind: str
    made_by: str
    seed: int | None
    rows: dict[str, int]
    facts: dict[str, Any]
    config: dict[str, Any]
    inputs: dict[str, list[str]]


class ArtifactDescription(Origin, kw_only=True):
    """Features, a model or an index: the size of each file, and the files that are missing or changed."""

    bytes: dict[str, int]
    damaged: list[str]


class TableDescription(Origin, kw_only=True):
    """A table: the type of each column, the first rows as text, and the files that are missing or changed."""

    columns: dict[str, str]
    first_rows: list[dict[str, str]]
    damaged: list[str]


class WorkspaceDescription(msgspec.Struct, kw_only=True):
    """The tables, features, models and indexes that a workspace has, and the expected ones that it has not."""

    path: str
    kind: str = "workspace"
    holds: list[str]
    missing: list[str]


def inspect(path: Path) -> ArtifactDescription | TableDescription | WorkspaceDescription:
    """The description of `path`. Raises InputError if etsyml did not write it."""
    has_manifest = (path / MANIFEST).is_file()
    if not has_manifest and ((path / "tables").is_dir() or (path / "models").is_dir()):
        return _workspace(path)
    return inspect_output(path)


def inspect_output(path: Path) -> ArtifactDescription | TableDescription:
    """The description of a table, features, a model or an index. Raises InputError if `path` is none of these."""
    if not path.exists():
        raise InputError(f"{path}: not found")
    if path.is_file():
        return _table(path)
    if (path / MANIFEST).is_file():
        return _artifact(path)
    raise InputError(f"{path}: not written by etsyml", hint="Give a table, features, a model or a workspace.")


def _artifact(path: Path) -> ArtifactDescription:
    manifest = read_manifest(path)
    files = {name: (path / name).stat().st_size for name in manifest.outputs if (path / name).is_file()}
    return ArtifactDescription(**_origin(path, manifest), bytes=files, damaged=damaged_files(path, manifest))


def _table(path: Path) -> TableDescription:
    from etsyml_cli.io.tables import open_table_file, rejects_path, table_manifest

    manifest = table_manifest(path)
    file = open_table_file(path)
    rejects = rejects_path(path)
    changed = bool(recorded(path)) and not is_as_written(path)
    whole = "rejects.jsonl" not in manifest.outputs or (
        rejects.is_file() and sha256_of(rejects) == manifest.outputs["rejects.jsonl"]
    )
    columns = {field.name: str(field.type) for field in file.schema_arrow}
    first = next(file.iter_batches(FIRST_ROWS), None)
    rows = [] if first is None else [{name: str(value) for name, value in row.items()} for row in first.to_pylist()]
    damaged = [*([path.name] if changed else []), *([] if whole else [rejects.name])]
    return TableDescription(**_origin(path, manifest), columns=columns, first_rows=rows, damaged=damaged)


def _origin(path: Path, manifest: Manifest) -> dict[str, Any]:
    plan = manifest.plan
    return {
        "path": str(path),
        "kind": plan.kind,
        "made_by": f"etsyml {plan.program_version}",
        "seed": plan.seed,
        "rows": manifest.rows,
        "facts": manifest.facts,
        "config": plan.config,
        "inputs": {
            name: [f"{source.name} ({source.size:,} bytes, sha256 {source.sha256[:12]})" for source in sources]
            for name, sources in plan.inputs.items()
        },
    }


def _workspace(path: Path) -> WorkspaceDescription:
    workspace = Workspace(path)
    places = [workspace.table(name) for name in TABLES]
    places += workspace.all_images() or [workspace.images(ImagesConfig().backbone)]
    places += dict.fromkeys([*map(workspace.model, EXPECTED_MODELS), *workspace.all_models()])
    places += workspace.all_indexes()  # small catalogs need no index, so none is missing
    return WorkspaceDescription(
        path=str(path),
        holds=[str(place.relative_to(path)) for place in places if place.exists()],
        missing=[str(place.relative_to(path)) for place in places if not place.exists()],
    )
