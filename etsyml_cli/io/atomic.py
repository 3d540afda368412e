"""Files and directories that appear whole or not at all, one writer at a time."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etsyml_cli.core.errors import UsageError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden name to write to; the file takes the place of `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.touch()
    with only_writer(partial, path):
        try:
            yield partial
            sync(partial)
            partial.replace(path)
            sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def only_writer(partial: Path, target: Path) -> Iterator[None]:
    """Hold the lock of the draft directory `partial`. Raises UsageError while another process holds it."""
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(f"{target}: another etsyml is writing this", hint="Wait for it to end.") from None
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:  # so that the disk that is full can be named
            error.filename = str(target)
        raise
    finally:
        os.close(descriptor)


def swap_in(partial: Path, target: Path) -> None:
    """Put the directory `partial` in the place of `target`, in one step where the system can."""
    if not target.exists():
        partial.rename(target)
    elif _exchange(partial, target):
        shutil.rmtree(partial)
    else:
        replaced = target.parent / f".{target.name}.replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        target.rename(replaced)
        partial.rename(target)
        shutil.rmtree(replaced)
    sync(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two directories in one step; False where the system cannot (only Linux has the call)."""
    at_cwd, exchange = -100, 2
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)
