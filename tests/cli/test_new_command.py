"""A new command is one file in cli/commands and one line in cli/main.py, as CONTRIBUTING.md describes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

TOY = '''
"""`etsyml toy`."""

from __future__ import annotations

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session


@common_options
def toy(k: options.TopK = 3) -> None:
    """Show the workspace and a number."""
    show.print_json({"workspace": str(session.workspace.root), "k": k})
'''
LAST_LINE = '    "doctor": f"{HERE}.doctor:doctor",\n'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with one more command."""
    package = tmp_path / "etsyml_cli"
    shutil.copytree(REPOSITORY / "etsyml_cli", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "cli/commands/toy.py").write_text(TOY, encoding="utf-8")
    main = package / "cli/main.py"
    text = main.read_text(encoding="utf-8")
    assert text.count(LAST_LINE) == 1
    main.write_text(text.replace(LAST_LINE, f'{LAST_LINE}    "toy": f"{{HERE}}.toy:toy",\n'), encoding="utf-8")
    return tmp_path


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = [sys.executable, "-c", "from etsyml_cli.cli.main import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    return subprocess.run(python, capture_output=True, text=True, check=False, cwd=copy, env=environment)


def test_a_new_command_is_one_file_and_one_line(copy: Path) -> None:
    assert "Show the workspace and a number." in run(copy, "--help").stdout
    ran = run(copy, "-w", "shop", "toy", "-k", "5", "--quiet")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"workspace": "shop", "k": 5}
    refused = run(copy, "toy", "-k", "5", "-k", "6")
    assert refused.returncode == 2
    assert "it takes one value" in refused.stderr
