from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from etsyml_cli.cli.main import run

settings.register_profile("etsyml", deadline=None, derandomize=bool(os.environ.get("CI")))  # no luck in CI
settings.load_profile("etsyml")

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Etsyml = Callable[..., Ended]


@pytest.fixture
def etsyml(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Etsyml:
    """`etsyml("train", "ltr")` runs a command in this process."""
    monkeypatch.delenv("ETSYML_WORKSPACE", raising=False)

    def call(*arguments: str | Path) -> Ended:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ended(code, *capfd.readouterr())

    return call


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`small_disk("64k")` mounts a disk of that size; the test is skipped if that needs more rights."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(size: str) -> Path:
        line = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk]
        if subprocess.run(line, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small disk needs more rights")
        return disk

    yield mount
    if disk.is_mount():
        subprocess.run(["umount", disk], check=True)
