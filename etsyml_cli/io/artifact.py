"""Artifacts: directories that appear whole or not at all, each with a `manifest.json` that says what it is.

A stage describes in a `Plan` everything that its output depends on, and writes inside
`with artifact(target, plan, force=force) as draft`. The draft has a hidden name next to the target; at the
end it is hashed, fsynced and swapped in by one rename. No manifest means: not finished.
Of what is replaced only files are removed that its manifest names; a directory that holds others is refused.
What changes from run to run (times, memory, host, command line) goes to `run.json`, outside every hash.
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
    """One input file: its name without folders (they differ between machines), size in bytes and hash."""

    name: str
    size: int
    sha256: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an artifact's bytes depend on."""

    kind: str
    config: dict[str, Any] = {}
    inputs: dict[str, list[Source]] = {}
    seed: int | None = None
    format_version: int = FORMAT_VERSION
    program_version: str = __version__


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was carried out: with counts of rows, facts worth knowing and the hash of each output."""

    plan: Plan
    rows: dict[str, int] = {}
    facts: dict[str, Any] = {}
    outputs: dict[str, str] = {}


@dataclass
class Draft:
    """A directory in the making; what is put into `rows` and `facts` goes into the manifest."""

    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def source_of(path: Path) -> Source:
    """`path` as an input: a file by its content, an artifact by its manifest, which holds its outputs' hashes."""
    content = path / MANIFEST if path.is_dir() else path
    if not content.is_file():
        raise InputError(f"{path}: not here", hint="Is the path right, and has the command that writes it finished?")
    return Source(path.name, content.stat().st_size, sha256_of(content))


def to_json(value: Any) -> bytes:
    """Indented JSON, keys in the order in which the program lists them."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


Facts = TypeVar("Facts", bound=msgspec.Struct)


def facts_of(
    manifest: Manifest, kind: type[Facts], directory: Path, hint: str = "Create it again with --force."
) -> Facts:
    """The facts of the manifest in `directory` as a Struct. Raises InputError if one is missing or of another type."""
    try:
        return msgspec.convert(manifest.facts, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{directory / MANIFEST}: {error}", hint=hint) from None


def read_manifest(directory: Path) -> Manifest:
    """The manifest of an artifact. Raises InputError where `directory` is no finished artifact."""
    path = directory / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{directory}: no {MANIFEST}, so this is no finished artifact") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: {error}", hint="It is damaged: make it again with --force.") from None


def damaged_files(directory: Path, manifest: Manifest) -> list[str]:
    """The outputs that are missing or are no longer what the manifest says."""
    return [
        name
        for name, sha256 in manifest.outputs.items()
        if not (directory / name).is_file() or sha256_of(directory / name) != sha256
    ]


def expect_kind(directory: Path, kind: str, *, made_by: str) -> Manifest:
    """The manifest of an artifact of this kind; else InputError that names the command which makes one."""
    if not (directory / MANIFEST).is_file():
        raise InputError(f"{directory}: no {kind} here", hint=f"Make it with: {made_by}")
    manifest = read_manifest(directory)
    if manifest.plan.kind != kind:
        raise InputError(f"{directory}: expected {kind}, found {manifest.plan.kind}")
    return manifest


def expect_same_input(manifest: Manifest, name: str, path: Path) -> None:
    """Raises InputError unless `path` is, byte by byte, the input `name` that the manifest's model was trained on."""
    trained_on = {source.sha256 for source in manifest.plan.inputs.get(name, [])}
    if source_of(path).sha256 not in trained_on:
        raise InputError(
            f"{path}: not the {name} that {manifest.plan.kind} was trained on", hint="Train the model again."
        )


def is_up_to_date(target: Path, plan: Plan) -> bool:
    """Whether `target` was made by just this plan and all its files are what the manifest says."""
    try:
        manifest = read_manifest(target)
    except InputError:
        return False
    return was_made_by(manifest, plan) and not damaged_files(target, manifest)


def was_made_by(manifest: Manifest, plan: Plan) -> bool:
    """Whether the manifest is of just this plan, as far as JSON can tell (it has no tuples)."""
    return manifest.plan == msgspec.json.decode(msgspec.json.encode(plan), type=Plan)


def is_fresh(directory: Path, plan: Plan, *, made_by: str) -> bool:
    """Whether the artifact in `directory` was made by just this plan; the log names what it was made from instead."""
    found = read_manifest(directory)
    if was_made_by(found, plan):
        return True
    names = found.plan.inputs.keys() | plan.inputs.keys()
    other = sorted(name for name in names if found.plan.inputs.get(name) != plan.inputs.get(name))
    what = " and ".join(other) or "version or setting"
    logger.warning("%s is not used: made from another %s; refresh it with: %s", directory, what, made_by)
    return False


@contextmanager
def artifact(target: Path, plan: Plan, *, force: bool = False, resume: Plan | None = None) -> Iterator[Draft]:
    """Write an artifact: `target` is replaced in one step if the block ends without an error.

    What `refuse_to_overwrite` refuses is refused before anything is done.
    `resume` is the part of the plan that the draft's files called *.partial depend on: those that a killed or failed
    run of the same part left behind are handed out again. Otherwise each run starts from an empty directory.
    """
    target = Path(os.path.realpath(target))  # a link stays, what it points to is replaced
    refuse_to_overwrite(target, plan.kind, force=force)
    partial = target.with_name(f".{target.name}.partial")
    started = time.time()
    with only_writer(target):
        _prepare(partial, plan, resume)
        draft = Draft(partial)
        try:
            yield draft
            _finish(draft, plan, started)
            refuse_to_overwrite(target, plan.kind, force=force)  # a file may have been added while we worked
        except BaseException:
            if resume is None:
                remove_draft(partial)
            raise
        replaced = swap_in(partial, target)
        if replaced is not None:
            _remove(replaced)


def refuse_to_overwrite(target: Path, kind: str, *, force: bool) -> None:
    """Raises UsageError unless `target` is free, an empty directory or an artifact of this kind and nothing else.

    An artifact of another kind is replaced with `force`. A file that etsyml did not write stays even then:
    `--out . --force` must not cost anybody a home.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: not a directory", hint="Choose another path.")
    if target.samefile(Path.cwd()):
        raise UsageError(f"{target}: the current directory, which cannot be replaced", hint="Name one inside it.")
    with steady(target):
        _refuse_foreign_files(target, _written_files(target))
        found = _kind_of(target)
    if found not in (None, kind) and not force:
        raise UsageError(
            f"{target}: already exists and holds {found}, not {kind}", hint="Choose another path or add --force."
        )


def _refuse_foreign_files(directory: Path, ours: set[str]) -> None:
    for path in _entries(directory):
        if path.is_symlink():
            raise UsageError(f"{path}: a symbolic link in a directory that etsyml replaces", hint="Remove the link.")
        name = str(path.relative_to(directory))
        if not path.is_dir() and name not in ours:
            raise UsageError(
                f"{directory}: holds {name}, which etsyml did not write", hint="Move it, or choose another path."
            )


def _entries(directory: Path) -> Iterator[Path]:
    """All files, links and directories below a directory, what is inside a directory before it; no link is followed."""
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
    """Remove an artifact that was replaced; a foreign file that was added at the last moment is kept."""
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
        logger.warning("%s: kept, as it holds files that etsyml did not write", artifact)


def _prepare(partial: Path, plan: Plan, resume: Plan | None) -> None:
    """An empty draft directory, but for the scratch that a stopped run of the same plan left behind."""
    refuse_link(partial)
    partial.mkdir(exist_ok=True)
    planned = to_json(resume or plan)
    left_behind = partial / PLAN
    _refuse_foreign_draft(partial)
    same = resume is not None and left_behind.is_file() and left_behind.read_bytes() == planned
    if resume is not None and left_behind.is_file() and not same:
        logger.warning("%s: a stopped run had other inputs or settings, so this one starts again", partial)
    for entry in partial.iterdir():
        if entry != left_behind and not (same and _is_scratch(entry)):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    left_behind.write_bytes(planned)


def _refuse_foreign_draft(partial: Path) -> None:
    """A draft holds its plan, and an artifact that was replaced its manifest: whatever holds neither is not ours."""
    for entry in _entries(partial):
        refuse_link(entry)
    if not (partial / PLAN).is_file():
        _refuse_foreign_files(partial, _written_files(partial))


def remove_draft(draft: Path) -> None:
    """Remove a draft, its plan last: what a kill leaves is still known as a draft."""
    with suppress(OSError):
        for entry in draft.iterdir():
            if entry.name != PLAN:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        (draft / PLAN).unlink(missing_ok=True)
        draft.rmdir()


def _is_scratch(path: Path) -> bool:
    """Whether a file of a draft serves only the making of it."""
    return path.name == PLAN or path.suffix == ".partial"


def _finish(draft: Draft, plan: Plan, started: float) -> None:
    """The scratch goes last: until the manifest is there, a killed run can go on with it."""
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
