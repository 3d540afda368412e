"""Describe a file or directory that etsyml wrote: its kind, inputs, rows and settings, and whether it is intact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import MANIFEST, Manifest, damaged_files, read_manifest
from etsyml_cli.io.atomic import is_as_written, recorded, sha256_of
from etsyml_cli.io.schema import TABLES
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.systems import EXPECTED_MODELS

FIRST_ROWS = 3


def inspect(path: Path) -> dict[str, Any]:
    """The description of `path` as plain data. Raises InputError if etsyml did not write it."""
    if not path.exists():
        raise InputError(f"{path}: not found")
    if path.is_file():
        return _table(path)
    if (path / MANIFEST).is_file():
        return _artifact(path)
    if (path / "tables").is_dir() or (path / "models").is_dir():
        return _workspace(path)
    raise InputError(f"{path}: not written by etsyml", hint="Give a table, features, a model or a workspace.")


def _artifact(path: Path) -> dict[str, Any]:
    manifest = read_manifest(path)
    files = {name: (path / name).stat().st_size for name in manifest.outputs if (path / name).is_file()}
    return {**_summary(path, manifest), "bytes": files, "damaged": damaged_files(path, manifest)}


def _table(path: Path) -> dict[str, Any]:
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
    return {**_summary(path, manifest), "columns": columns, "first_rows": rows, "damaged": damaged}


def _summary(path: Path, manifest: Manifest) -> dict[str, Any]:
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


def _workspace(path: Path) -> dict[str, Any]:
    workspace = Workspace(path)
    places = [workspace.table(name) for name in TABLES]
    places += workspace.all_images() or [workspace.images(ImagesConfig().backbone)]
    places += dict.fromkeys([*map(workspace.model, EXPECTED_MODELS), *workspace.all_models()])
    places += workspace.all_indexes()  # small catalogs need no index, so none is missing
    return {
        "path": str(path),
        "kind": "workspace",
        "holds": [str(place.relative_to(path)) for place in places if place.exists()],
        "missing": [str(place.relative_to(path)) for place in places if not place.exists()],
    }
