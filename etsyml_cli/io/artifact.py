"""Artifacts: directories that are written atomically, each described by a `manifest.json`.

A stage describes in a `Plan` everything that its output depends on, and writes inside `with artifact(target, plan,
force=force) as draft`. The draft has a hidden name next to the target; at the end it is hashed, fsynced and swapped in
by one rename. Without a manifest, an artifact is unfinished. When an artifact is replaced, only files that its manifest
names are removed; a directory with other files is refused. Everything that changes from run to run (times, memory,
host, command line) is in `run.json`, which no hash covers.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from etsyml_cli import __version__
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.atomic import only_writer, refuse_link, sha256_of, steady, swap_in, sync
from etsyml_cli.io.run_record import outputs_of_run, run_record

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
RUN = "run.json"
PLAN = "plan.json"
SYNCS_AT_ONCE = 8


class Source(msgspec.Struct, frozen=True):
    """An input file: its name without directories (they differ between machines), size in bytes and hash."""

    name: str
    size: int
    sha256: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the bytes of an artifact depend on."""

    kind: str
    config: dict[str, Any] = {}
    inputs: dict[str, list[Source]] = {}
    seed: int | None = None
    format_version: int = FORMAT_VERSION
    program_version: str = __version__


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A completed plan with row counts, facts and the hash of each output."""

    plan: Plan
    rows: dict[str, int] = {}
    facts: dict[str, Any] = {}
    outputs: dict[str, str] = {}


@dataclass
class Draft:
    """An artifact being written; its `rows` and `facts` are written to the manifest."""

    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def source_of(path: Path) -> Source:
    """`path` as an input: a file by its content, an artifact by its manifest, which has its outputs' hashes."""
    content = path / MANIFEST if path.is_dir() else path
    if not content.is_file():
        raise InputError(f"{path}: not found", hint="Check the path, and that the command that writes it has finished.")
    return Source(path.name, content.stat().st_size, sha256_of(content))


def to_json(value: Any) -> bytes:
    """Indented JSON, with keys in the order of the dictionary."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


Facts = TypeVar("Facts", bound=msgspec.Struct)


def facts_of(
    manifest: Manifest, kind: type[Facts], directory: Path, hint: str = "Create it again with --force."
) -> Facts:
    """The manifest's facts as a Struct. Raises InputError if one is missing or has another type."""
    try:
        return msgspec.convert(manifest.facts, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{directory / MANIFEST}: {error}", hint=hint) from None


def read_manifest(directory: Path) -> Manifest:
    """The manifest of an artifact. Raises InputError if `directory` is not a finished artifact."""
    path = directory / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{directory}: not a finished artifact: {MANIFEST} not found") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: {error}", hint="It is damaged: make it again with --force.") from None


def damaged_files(directory: Path, manifest: Manifest) -> list[str]:
    """The outputs that are missing or differ from the manifest."""
    return [
        name
        for name, sha256 in manifest.outputs.items()
        if not (directory / name).is_file() or sha256_of(directory / name) != sha256
    ]


def expect_kind(directory: Path, kind: str, *, made_by: str, format_version: int | None = None) -> Manifest:
    """The manifest of an artifact of this kind and, if given, version. Otherwise raises InputError with `made_by`."""
    if not (directory / MANIFEST).is_file():
        raise InputError(f"{directory}: {kind} not found", hint=f"Make it with: {made_by}")
    manifest = read_manifest(directory)
    if manifest.plan.kind != kind:
        raise InputError(f"{directory}: expected {kind}, found {manifest.plan.kind}")
    found = manifest.plan.format_version
    if format_version not in (None, found):
        raise InputError(
            f"{directory}: {kind} of format version {found}, but this version of etsyml needs {format_version}",
            hint=f"Make it again with: {made_by}",
        )
    return manifest


def expect_same_input(manifest: Manifest, name: str, path: Path) -> None:
    """Raises InputError unless `path` is, byte by byte, the input `name` that the manifest's model was trained on."""
    trained_on = {source.sha256 for source in manifest.plan.inputs.get(name, [])}
    if source_of(path).sha256 not in trained_on:
        raise InputError(
            f"{path}: not the {name} that {manifest.plan.kind} was trained on", hint="Train the model again."
        )


def is_up_to_date(target: Path, plan: Plan) -> bool:
    """Whether `target` was made by exactly this plan and all its files match the manifest."""
    try:
        manifest = read_manifest(target)
    except InputError:
        return False
    return was_made_by(manifest, plan) and not damaged_files(target, manifest)


def was_made_by(manifest: Manifest, plan: Plan) -> bool:
    """Whether the manifest has exactly this plan, as compared in JSON (it has no tuples)."""
    return manifest.plan == msgspec.json.decode(msgspec.json.encode(plan), type=Plan)


def is_fresh(directory: Path, plan: Plan, *, made_by: str) -> bool:
    """Whether the artifact in `directory` was made by exactly this plan; log a differing input."""
    found = read_manifest(directory)
    if was_made_by(found, plan):
        return True
    names = found.plan.inputs.keys() | plan.inputs.keys()
    other = sorted(name for name in names if found.plan.inputs.get(name) != plan.inputs.get(name))
    what = " and ".join(other) or "version or setting"
    logger.warning("%s is stale (%s has changed), ignoring it; rebuild with: %s", directory, what, made_by)
    return False


@contextmanager
def artifact(target: Path, plan: Plan, *, force: bool = False, resume: Plan | None = None) -> Iterator[Draft]:
    """Write an artifact: `target` is replaced in one step if the block ends without an error.

    Everything that `refuse_to_overwrite` refuses is refused first. `resume` is the part of the plan that the draft's
    files called *.partial depend on: those that a killed or failed run with the same part left behind are used again.
    Otherwise each run starts from an empty directory.
    """
    target = Path(os.path.realpath(target))  # a link is kept, its target is replaced
    refuse_to_overwrite(target, plan.kind, force=force)
    partial = target.with_name(f".{target.name}.partial")
    started = time.time()
    with only_writer(target):
        _prepare(partial, plan, resume)
        draft = Draft(partial)
        try:
            yield draft
            _finish(draft, plan, started)
            refuse_to_overwrite(target, plan.kind, force=force)  # a file may have been added during the run
        except BaseException:
            if resume is None:
                remove_draft(partial)
            raise
        replaced = swap_in(partial, target)
        if replaced is not None:
            _remove(replaced)


def refuse_to_overwrite(target: Path, kind: str, *, force: bool) -> None:
    """Raises UsageError unless `target` is free, an empty directory or an artifact of this kind without other files.

    An artifact of another kind is replaced with `force`. A file that etsyml did not write is kept even then: `--out .
    --force` must not delete a home directory.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: not a directory", hint="Choose another path.")
    if target.samefile(Path.cwd()):
        raise UsageError(f"{target}: cannot replace the current directory", hint="Choose a directory inside it.")
    with steady(target):
        _refuse_foreign_files(target, _written_files(target))
        found = _kind_of(target)
    if found not in (None, kind) and not force:
        raise UsageError(
            f"{target}: already exists and contains {found}, not {kind}", hint="Choose another path or add --force."
        )


def _refuse_foreign_files(directory: Path, ours: set[str]) -> None:
    for path in _entries(directory):
        if path.is_symlink():
            raise UsageError(f"{path}: a symbolic link in a directory that etsyml replaces", hint="Remove the link.")
        name = str(path.relative_to(directory))
        if not path.is_dir() and name not in ours:
            raise UsageError(
                f"{directory}: contains {name}, which etsyml did not write", hint="Move it, or choose another path."
            )


def _entries(directory: Path) -> Iterator[Path]:
    """All files, links and directories below a directory, contents before directories; links are not followed."""
    for folder, folders, files in os.walk(directory, topdown=False):
        yield from (Path(folder, name) for name in sorted([*folders, *files]))


def _written_files(directory: Path) -> set[str]:
    """The files that etsyml wrote, by the manifest or, if that is damaged, by the record of the run."""
    try:
        return {*read_manifest(directory).outputs, MANIFEST, RUN}
    except InputError:
        outputs = outputs_of_run(directory / RUN)
        return set() if outputs is None else {*outputs, MANIFEST, RUN}


def _kind_of(directory: Path) -> str | None:
    try:
        return read_manifest(directory).plan.kind
    except InputError:
        return None


def _remove(artifact: Path) -> None:
    """Remove a replaced artifact, but keep a foreign file that was added at the last moment."""
    ours = _written_files(artifact)
    last = [artifact / RUN, artifact / MANIFEST]
    for path in [*(path for path in _entries(artifact) if path not in last), *last]:
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.rmdir()
        elif str(path.relative_to(artifact)) in ours:
            path.unlink(missing_ok=True)
    try:
        artifact.rmdir()
    except OSError:
        logger.warning("%s: kept, because it contains files that etsyml did not write", artifact)


def _prepare(partial: Path, plan: Plan, resume: Plan | None) -> None:
    """Create an empty draft directory, except for scratch files that an interrupted run of the same plan left."""
    refuse_link(partial)
    partial.mkdir(exist_ok=True)
    planned = to_json(resume or plan)
    left_behind = partial / PLAN
    _refuse_foreign_draft(partial)
    same = resume is not None and left_behind.is_file() and left_behind.read_bytes() == planned
    if resume is not None and left_behind.is_file() and not same:
        logger.warning("%s: the interrupted run had other inputs or settings, starting again", partial)
    for entry in partial.iterdir():
        if entry != left_behind and not (same and _is_scratch(entry)):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    left_behind.write_bytes(planned)


def _refuse_foreign_draft(partial: Path) -> None:
    """Raises UsageError if a draft contains neither its plan nor the manifest of a replaced artifact."""
    for entry in _entries(partial):
        refuse_link(entry)
    if not (partial / PLAN).is_file():
        _refuse_foreign_files(partial, _written_files(partial))


def remove_draft(draft: Path) -> None:
    """Remove a draft, its plan last, so that the rest of it is still recognized as a draft after a kill."""
    with suppress(OSError):
        for entry in draft.iterdir():
            if entry.name != PLAN:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        (draft / PLAN).unlink(missing_ok=True)
        draft.rmdir()


def _is_scratch(path: Path) -> bool:
    """Whether a file of a draft is only a scratch file."""
    return path.name == PLAN or path.suffix == ".partial"


def _finish(draft: Draft, plan: Plan, started: float) -> None:
    """Finish the draft; scratch files are removed last, so that a killed run can resume until the manifest exists."""
    found = sorted(path for path in draft.path.rglob("*") if path.is_file())
    ours = [draft.path / name for name in (RUN, MANIFEST)]
    files = [path for path in found if not _is_scratch(path) and path not in ours]
    outputs = {str(path.relative_to(draft.path)): sha256_of(path) for path in files}
    manifest = Manifest(plan=plan, rows=draft.rows, facts=draft.facts, outputs=outputs)
    (draft.path / RUN).write_bytes(to_json(run_record(started, outputs)))
    (draft.path / MANIFEST).write_bytes(to_json(manifest))
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:  # a hundred thousand photos, one by one, would take minutes
        list(pool.map(sync, files))
    for path in [*ours, draft.path]:
        sync(path)
    for path in sorted(filter(_is_scratch, found), key=lambda path: path.name == PLAN):
        path.unlink()
