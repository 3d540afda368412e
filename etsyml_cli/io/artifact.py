"""Artifacts: directories that appear whole or not at all, each with a `manifest.json` that says what it is.

A stage describes in a `Plan` everything that its output depends on, and writes inside
`with artifact(target, plan) as draft`. The draft lies beside the target under a hidden name; at the
end it is hashed, fsynced and swapped in by one rename. No manifest means: not finished.
What changes from run to run (times, memory, host, command line) goes to `run.json`, outside every hash.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli import __version__
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.atomic import only_writer, swap_in, sync

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


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_of(path: Path) -> Source:
    """`path` as an input: a file by its content, an artifact by its manifest, which holds its outputs' hashes."""
    content = path / MANIFEST if path.is_dir() else path
    if not content.is_file():
        raise InputError(f"{path}: not here", hint="Is the path right, and has the command that writes it finished?")
    return Source(path.name, content.stat().st_size, sha256_of(content))


def to_json(value: Any) -> bytes:
    """Indented JSON, keys in the order in which the program lists them."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


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
    """Whether `target` was made by just this plan and all its files are there; `inspect` also compares their hashes."""
    try:
        manifest = read_manifest(target)
    except InputError:
        return False
    return was_made_by(manifest, plan) and all((target / name).is_file() for name in manifest.outputs)


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
def artifact(target: Path, plan: Plan, *, replace: bool = True, resume: Plan | None = None) -> Iterator[Draft]:
    """Write an artifact: `target` is replaced in one step when the block ends without an error.

    Without `replace` a place where something is already is refused (UsageError) before anything is done.
    `resume` is the part of the plan that the draft's files called *.partial depend on: those that a killed or failed
    run of the same part left behind are handed out again. Otherwise each run starts from an empty directory.
    """
    target = Path(os.path.realpath(target))  # a link stays, what it points to is replaced
    refuse_to_overwrite(target, force=replace)
    if target.is_file():
        raise UsageError(f"{target}: a file, where a directory is to be written", hint="Name another place.")
    partial = target.parent / f".{target.name}.partial"
    started = time.time()
    if partial.is_symlink():
        raise UsageError(f"{partial}: a link, where the draft is to be written", hint="Remove it.")
    partial.mkdir(parents=True, exist_ok=True)
    with only_writer(partial, target):
        _prepare(partial, resume)
        draft = Draft(partial)
        try:
            yield draft
            _finish(draft, plan, started)
        except BaseException:
            if resume is None:
                shutil.rmtree(partial, ignore_errors=True)
            raise
        swap_in(partial, target)


def refuse_to_overwrite(target: Path, *, force: bool) -> None:
    """For a place that the user named: what is there stays, unless --force says otherwise.

    What etsyml did not write stays even then: `--out . --force` must not cost anybody a home, nor a device.
    """
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise UsageError(f"{target}: neither a file nor a directory", hint="Name another place.")
    if target.is_dir() and target.samefile(Path.cwd()):
        raise UsageError(f"{target}: the current directory, which cannot be replaced", hint="Name one inside it.")
    occupied = any(target.iterdir()) if target.is_dir() else target.exists()
    if occupied and target.is_dir() and not _is_ours(target):
        raise UsageError(f"{target}: holds files that etsyml did not write", hint="Name another place, or remove it.")
    if occupied and not force:
        raise UsageError(f"{target}: something is here already", hint="Name another place or add --force.")


def _is_ours(directory: Path) -> bool:
    """Whether etsyml wrote it, by its manifest or, where that is damaged, by the record of the run beside it."""
    try:
        read_manifest(directory)
    except InputError:
        try:
            record = msgspec.json.decode((directory / RUN).read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError):
            return False
        return record.keys() == run_record(0).keys()
    return True


def run_record(started: float) -> dict[str, Any]:
    """What differs between two runs of one plan: command line, host, times (s) and peak memory (MB)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    system = os.uname()  # platform.platform() would start the program `uname`
    return {
        "argv": sys.argv,
        "host": system.nodename,
        "platform": f"{system.sysname}-{system.release}-{system.machine}",
        "python": platform.python_version(),
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_s": round(time.time() - started, 3),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory_mb": round(kilobytes / 1024, 1),
    }


def _prepare(partial: Path, resume: Plan | None) -> None:
    """Empty the draft's directory but for what a run can go on with."""
    left_behind = partial / PLAN
    planned = to_json(resume)
    same = resume is not None and left_behind.is_file() and left_behind.read_bytes() == planned
    if left_behind.is_file() and not same:
        logger.warning("%s: a stopped run had other inputs or settings, so this one starts anew", partial)
    for entry in partial.iterdir():
        if not (same and (entry == left_behind or _is_scratch(entry))):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    if resume is not None:
        left_behind.write_bytes(planned)


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
    (draft.path / RUN).write_bytes(to_json(run_record(started)))
    (draft.path / MANIFEST).write_bytes(to_json(manifest))
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:  # a hundred thousand photos, one by one, would take minutes
        list(pool.map(sync, files))
    for path in [*ours, draft.path]:
        sync(path)
    for path in filter(_is_scratch, found):
        path.unlink()
