"""Too little memory or disk space is an error of its own: exit code 7, with the bytes needed and available."""

from __future__ import annotations

import errno
import re
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import torch

from etsyml_cli.cli import shortage
from etsyml_cli.cli.shortage import available_memory, shortage_of
from tests.conftest import Etsyml

PETABYTE = 1 << 50


def too_much(library: str) -> None:
    """Ask a library for more memory than there is."""
    if library == "numpy":
        np.empty((PETABYTE // 8, 1), np.float64)
    elif library == "pyarrow":
        pa.allocate_buffer(PETABYTE)
    elif library == "torch":
        torch.empty(PETABYTE, dtype=torch.uint8)
    elif library == "python":
        bytearray(PETABYTE)
    else:
        with duckdb.connect(config={"memory_limit": "5MB", "temp_directory": ""}) as connection:
            connection.execute("SELECT list(i) FROM range(10_000_000) AS numbers(i)").fetchall()


NEEDED = {"numpy": "1,125,899.9 GB needed, ", "python": "", "duckdb": r"4\.2 MB needed, "}


@pytest.mark.parametrize("library", ["numpy", "pyarrow", "torch", "python", "duckdb"])
def test_memory_that_a_library_cannot_get_is_exit_7_with_needed_and_available(
    etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setattr("etsyml_cli.workspace.doctor.examine", lambda *_: too_much(library))
    ended = etsyml("doctor")
    assert (ended.code, ended.out) == (7, "")
    needed = NEEDED.get(library, NEEDED["numpy"])
    assert re.match(rf"error: not enough memory: {needed}[\d,.]+ [MG]B available\n  \w", ended.err)


def test_the_limit_of_a_process_counts() -> None:
    """A command under `ulimit -v` that is too small for it."""
    program = (
        "import resource, sys\nimport numpy as np\nfrom etsyml_cli.cli.main import run\n"
        "import etsyml_cli.workspace.doctor as doctor\n"
        "doctor.examine = lambda *_: np.ones(3 << 27)\n"  # 3.2 GB
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30),) * 2)\n"
        "sys.exit(run(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    found = re.match(r"error: not enough memory: 3\.2 GB needed, ([\d.]+) GB available\n", done.stderr)
    assert found and 1.7 < float(found[1]) < 2.2, done.stderr


def test_a_full_disk_names_the_path_and_its_free_bytes(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "not yet" / "table"))
    found = shortage_of(full, Path("work"))
    assert found and found.exit_code == 7
    assert re.fullmatch(rf"no space left on device: [\d,.]+ [MG]B available at {tmp_path}/not yet/table", found.message)
    without_path = shortage_of(OSError(errno.ENOSPC, "No space left on device"), tmp_path / "work")
    assert without_path and without_path.message.endswith(f"available at {tmp_path}/work")


@pytest.mark.parametrize("error", [ValueError("size 3"), OSError(errno.EACCES, "Permission denied", "x"), KeyError(1)])
def test_other_errors_are_no_shortage(error: Exception) -> None:
    assert shortage_of(error, Path("work")) is None


@pytest.mark.parametrize("version", [1, 2])
def test_available_memory_is_what_the_tightest_limit_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    group = groups if version == 2 else groups / "memory"
    group.mkdir(parents=True)
    monkeypatch.setattr(shortage, "PROC", proc)
    monkeypatch.setattr(shortage, "CGROUPS", groups)
    assert available_memory() is None
    (proc / "meminfo").write_text("MemTotal:  9000 kB\nMemAvailable:    8000 kB\n")
    assert available_memory() == 8000 * 1024
    limit, used, files = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    (group / limit).write_text("max\n" if version == 2 else f"{1 << 62}\n")
    (group / used).write_text("1000000\n")
    assert available_memory() == 8000 * 1024
    (group / limit).write_text("3000000\n")
    (group / "memory.stat").write_text(f"other 5\n{files} 200000\n")
    assert available_memory() == 2_200_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 22, 1 << 22))
    (proc / "self").mkdir()
    (proc / "self/statm").write_text(f"{(1 << 21) // resource.getpagesize()} 1 1\n")
    assert available_memory() == 1 << 21
