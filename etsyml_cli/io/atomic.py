"""Write files and directories atomically, one writer at a time.

A writer holds a lock on `.NAME.lock` next to the output. That file is never removed or renamed, so two writers always
use the same one; for a single file it also records the hashes of what was written last. Drafts have hidden names next
to the output, and are created exclusively and never through a link.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from etsyml_cli.core.errors import UsageError

HASH_CHARACTERS = 64

P = ParamSpec("P")
T = TypeVar("T")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_link(path: Path) -> None:
    """Raises UsageError if `path` is a symbolic link."""
    if path.is_symlink():
        raise UsageError(f"{path}: a symbolic link in place of a file of etsyml", hint="Remove the link.")


def new_file(path: Path) -> None:
    """Create `path` empty; remove a file that a killed run left there. Raises UsageError for a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_link(path)
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))


@contextmanager
def only_writer(target: Path) -> Iterator[int]:
    """Hold the lock of `target` and yield its open file. Raises UsageError if another process holds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    path = lock_path(target)
    refuse_link(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{path}: not a regular file", hint="Remove it.")
        _lock(descriptor, target)
        yield descriptor
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:  # so that the error can name the full disk
            error.filename = str(target)
        raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, target: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{target}: another etsyml process is writing to it", hint="Wait until it has finished."
        ) from None


def lock_path(target: Path) -> Path:
    return target.with_name(f".{target.name.removeprefix('.')}.lock")


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """An empty file for this process only; it is removed when the block ends."""
    with only_writer(path):
        new_file(path)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class FileWriter:
    """The right to write one file: its path, with links resolved, and its open lock."""

    path: Path
    lock: int

    def hidden(self, suffix: str) -> Path:
        """The path of a draft next to the file."""
        return self.path.with_name(f".{self.path.name}.{suffix}")

    def put(self, draft: Path) -> None:
        """Replace the file with the draft in one step."""
        sync(draft)
        record(self.lock, self.path, draft)
        draft.replace(self.path)
        sync(self.path.parent)


@contextmanager
def file_writer(path: Path, *, force: bool | None) -> Iterator[FileWriter]:
    """Lock the output file `path`.

    Raises UsageError for a directory or device and, without `force`, for a file that etsyml did not write; None means
    that the command has no --force. A link is followed only to a file that etsyml wrote, even with `force`.
    """
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "neither a file nor a directory"
        raise UsageError(f"{path}: {what}, not a file that can be replaced", hint="Choose another path.")
    if path.is_symlink() and not recorded(path):
        _refuse_foreign_file(path, force)  # before a lock is created next to a file that etsyml did not write
    real = Path(os.path.realpath(path))
    with only_writer(real) as lock:
        _refuse_foreign_file(path, force)
        yield FileWriter(real, lock)


@contextmanager
def whole_file(path: Path, *, force: bool | None) -> Iterator[Path]:
    """A draft to write to; it replaces `path` if the block ends without an error.

    A file that etsyml did not write is refused (UsageError) without `force`.
    """
    with file_writer(path, force=force) as writer:
        draft = writer.hidden("partial")
        new_file(draft)
        try:
            yield draft
            writer.put(draft)
        finally:
            draft.unlink(missing_ok=True)


def _refuse_foreign_file(path: Path, force: bool | None) -> None:
    if not path.exists() or is_as_written(path):
        return
    if path.is_symlink():
        raise UsageError(f"{path}: a link to a file that etsyml did not write", hint="Remove the link.")
    if not force:
        why = "changed since etsyml wrote it" if recorded(path) else "already exists, and etsyml did not write it"
        hint = f"Choose another path{'' if force is None else ' or add --force'}."
        raise UsageError(f"{path}: {why}", hint=hint)


def record(lock: int, path: Path, draft: Path) -> None:
    """Record the draft's hash in the lock file before it replaces `path`, whose hash is kept until then."""
    hashes = [sha256_of(draft), *([sha256_of(path)] if is_as_written(path) else [])]
    os.ftruncate(lock, 0)
    os.pwrite(lock, "".join(f"{one}\n" for one in hashes).encode(), 0)
    os.fsync(lock)


def recorded(path: Path) -> list[str]:
    """The hashes of the last files that etsyml wrote to `path`."""
    lock = lock_path(Path(os.path.realpath(path)))
    if lock.is_symlink() or not lock.is_file():
        return []
    lines = lock.read_text(encoding="ascii", errors="replace").split()
    return [line for line in lines if len(line) == HASH_CHARACTERS]


def is_as_written(path: Path) -> bool:
    """Whether `path` is, byte by byte, a file that etsyml wrote there."""
    hashes = recorded(path)
    return bool(hashes) and path.is_file() and sha256_of(path) in hashes


def swap_in(draft: Path, target: Path) -> Path | None:
    """Move a directory to `target`, in one step if the system can; return the path of the old one."""
    old: Path | None = None
    if not target.exists():
        draft.rename(target)
    else:
        with _without_readers(target):
            if _exchange(draft, target):
                old = draft
            else:
                old = target.with_name(f".{target.name}.replaced")
                refuse_link(old)
                target.rename(old)
                draft.rename(target)
    sync(target.parent)
    return old


@contextmanager
def steady(directory: Path) -> Iterator[None]:
    """Ensure that files opened in this block are of one version of `directory`, which is not replaced meanwhile."""
    while True:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_still(descriptor, directory):
                yield
                return
        finally:
            os.close(descriptor)


def of_one_version(load: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Run `load(directory, ...)` in `steady`; if there is no directory, `load` raises its own error."""

    @wraps(load)
    def steadily(directory: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if not directory.is_dir():
            return load(directory, *args, **kwargs)
        with steady(directory):
            return load(directory, *args, **kwargs)

    return steadily


def _is_still(descriptor: int, directory: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), directory.stat())
    return False


@contextmanager
def _without_readers(directory: Path) -> Iterator[None]:
    """Wait until no reader is inside `steady`; new readers wait, then see the new directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step; return False if the system cannot (only Linux has the call)."""
    at_cwd, exchange = -100, 2
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)
