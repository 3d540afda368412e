"""Two writers of one output and a reader: no read may be mixed or truncated, and no process may fail.

`python -m benchmarks.writers [FILES [DIRECTORIES]]`: this many writes by each writer, and at least as many reads, of a
single file, then of a directory with a manifest. A writer that finds the other one active gets an error and tries
again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from multiprocessing import Event, Process, SimpleQueue
from multiprocessing.synchronize import Event as Stop
from pathlib import Path

import msgspec

from etsyml_cli.core.errors import UsageError
from etsyml_cli.io.artifact import Plan, artifact, read_manifest
from etsyml_cli.io.atomic import steady, whole_file

LINES = 200
PARTS = ("a.txt", "b.txt")

Write = Callable[[Path, str], None]
Read = Callable[[Path], set[str]]


class Counts(msgspec.Struct, frozen=True):
    """The counts of one process: writes or reads done, waits for the other writer, mixed reads, failures."""

    done: int
    waited: int = 0
    mixed: int = 0
    failed: list[str] = []


def main(files: str = "20000", directories: str = "1000") -> None:
    with tempfile.TemporaryDirectory() as scratch:
        bad = compare("files", Path(scratch) / "lists.jsonl", int(files), write_file, read_file)
        bad += compare("directories", Path(scratch) / "model", int(directories), write_directory, read_directory)
    if bad:
        sys.exit(f"{bad} reads or writes were mixed or failed")


def compare(what: str, target: Path, writes: int, write: Write, read: Read) -> int:
    """Run both writers and the reader, print their counts, and return the number of errors."""
    write(target, "first")
    seen: SimpleQueue[Counts] = SimpleQueue()
    stop = Event()
    writers = [Process(target=keep_writing, args=(write, target, name, writes, seen)) for name in "AB"]
    reader = Process(target=keep_reading, args=(read, target, writes, stop, seen))
    for process in (reader, *writers):
        process.start()
    written = [seen.get() for _ in writers]
    stop.set()
    counts = [*written, seen.get()]
    for process in (reader, *writers):
        process.join()
    mixed, failed = sum(one.mixed for one in counts), [error for one in counts for error in one.failed]
    waits = sum(one.waited for one in written)
    print(f"{what}: 2 x {writes:,} writes ({waits:,} waits for the other writer), {counts[-1].done:,} reads")
    print(f"{what}: {mixed:,} mixed or truncated reads, {len(failed):,} failures {'; '.join(failed[:3])}")
    return mixed + len(failed)


def keep_writing(write: Write, target: Path, name: str, writes: int, seen: SimpleQueue[Counts]) -> None:
    done, waited, failed = 0, 0, []
    while done < writes:
        try:
            write(target, f"{name}{done}")
            done += 1
        except UsageError as error:
            if "another etsyml process" in error.message:
                waited += 1
            else:
                failed.append(error.message)
                done += 1
        except Exception as error:
            failed.append(repr(error))
            done += 1
    seen.put(Counts(done, waited, failed=failed))


def keep_reading(read: Read, target: Path, reads: int, stop: Stop, seen: SimpleQueue[Counts]) -> None:
    done, mixed, failed = 0, 0, []
    while done < reads or not stop.is_set():
        try:
            mixed += len(read(target)) != 1
        except Exception as error:
            failed.append(repr(error))
        done += 1
    seen.put(Counts(done, mixed=mixed, failed=failed))


def write_file(path: Path, version: str) -> None:
    with whole_file(path, force=False) as draft:
        draft.write_text(f"{version}\n" * LINES)


def read_file(path: Path) -> set[str]:
    """The versions of its lines; a truncated file counts as one more."""
    lines = path.read_text().splitlines()
    return {*lines, *(["cut"] if len(lines) != LINES else [])}


def write_directory(path: Path, version: str) -> None:
    with artifact(path, Plan(kind="benchmark", config={"version": version})) as draft:
        for name in PARTS:
            (draft.path / name).write_text(version)


def read_directory(path: Path) -> set[str]:
    """The versions of the manifest and the files."""
    with steady(path):
        version = read_manifest(path).plan.config["version"]
        return {version, *((path / name).read_text() for name in PARTS)}


if __name__ == "__main__":
    main(*sys.argv[1:])
