"""The run section of the report: lineage, time and memory, and rejected rows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.errors import EtsymlError
from etsyml_cli.io.artifact import RUN, Manifest, read_manifest
from etsyml_cli.io.tables import rejects_path, run_path, table_manifest
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.store import REJECTS
from etsyml_cli.report.lineage import Lineage, lineage
from etsyml_cli.report.missing import Missing

MAX_REJECTS_READ = 10_000  # to find an example of each reason
COUNT_KEYS = ("reasons", "rejects")  # in the manifests of tables and of photo features


class Stage(msgspec.Struct, kw_only=True):
    """How a table or artifact was created; values are None if there is no run record."""

    path: str
    command: str | None
    wall_s: float | None
    cpu_s: float | None
    peak_memory_mb: float | None
    rows: dict[str, int]


class Rejected(msgspec.Struct, kw_only=True):
    """The number of rows or photos rejected for a reason, and the first of them."""

    path: str
    reason: str
    number: int
    where: str
    example: str


class Run(msgspec.Struct, kw_only=True):
    """Contents of the section."""

    lineage: Lineage
    stages: list[Stage]
    rejected: list[Rejected]
    damaged: list[Missing]


def run(place: Workspace) -> Run | Missing:
    """Lineage, timings and rejects of all tables and artifacts in the workspace."""
    manifests: dict[Path, Manifest] = {}
    damaged = []
    for path in place.all():
        try:
            manifests[path] = read_manifest(path) if path.is_dir() else table_manifest(path)
        except EtsymlError as error:
            damaged.append(Missing(error.message, f"etsyml inspect {shlex.quote(str(path))}"))
    if not manifests and not damaged:
        return Missing("the workspace is empty", "etsyml ingest listings FILE")
    return Run(
        lineage=lineage(place.root, manifests),
        stages=[_stage(str(path.relative_to(place.root)), path, manifest) for path, manifest in manifests.items()],
        rejected=[one for path, manifest in manifests.items() for one in _rejected(place.root, path, manifest)],
        damaged=damaged,
    )


def run_record_of(path: Path) -> Path:
    """The path of the run record of a table or an artifact."""
    return path / RUN if path.is_dir() else run_path(path)


def _stage(name: str, path: Path, manifest: Manifest) -> Stage:
    record = _record(run_record_of(path))
    argv = record.get("argv")
    return Stage(
        path=name,
        command=shlex.join(["etsyml", *argv[1:]]) if argv else None,
        wall_s=record.get("wall_s"),
        cpu_s=record.get("cpu_s"),
        peak_memory_mb=record.get("peak_memory_mb"),
        rows=manifest.rows,
    )


def _record(path: Path) -> dict[str, Any]:
    """The record of a run, empty if it is missing or damaged: it is informational only."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}


def _rejected(root: Path, path: Path, manifest: Manifest) -> Iterator[Rejected]:
    counts: dict[str, int] = next((manifest.facts[name] for name in COUNT_KEYS if manifest.facts.get(name)), {})
    first = _first_rejects(path / REJECTS if path.is_dir() else rejects_path(path)) if counts else {}
    for reason, number in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        where, example = first.get(reason, ("", ""))
        yield Rejected(path=str(path.relative_to(root)), reason=reason, number=number, where=where, example=example)


def _first_rejects(path: Path) -> dict[str, tuple[str, str]]:
    """Location and text of the first reject of each reason."""
    found: dict[str, tuple[str, str]] = {}
    if not path.is_file():
        return found
    with path.open("rb") as lines:
        for _, line in zip(range(MAX_REJECTS_READ), lines, strict=False):
            reject = msgspec.json.decode(line, type=dict[str, Any])
            location = f"{reject['file']}:{reject['line']}" if "file" in reject else reject["listing_id"]
            found.setdefault(reject["reason"], (location, reject.get("raw") or reject.get("image") or ""))
    return found
