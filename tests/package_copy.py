"""A copy of the package to change, and commands that run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def copy_package(root: Path) -> Path:
    """Copy the package to `root` and return its directory."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(REPOSITORY / "etsyml_cli", root / "etsyml_cli", ignore=ignored)


def add_line(file: Path, line: str, *, after: str) -> None:
    """Insert a line after another one, which must occur exactly once."""
    lines = file.read_text(encoding="utf-8").split("\n")
    assert lines.count(after) == 1, after
    lines.insert(lines.index(after) + 1, line)
    file.write_text("\n".join(lines), encoding="utf-8")


def run_in(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `etsyml` of the copy in `root`."""
    python = [sys.executable, "-c", "from etsyml_cli.cli.main import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(python, capture_output=True, text=True, check=False, cwd=root, env=environment)
