"""Documentation that is executed: the commands in the `console` blocks of a Markdown file, run in order.

`make docs` replaces the output; the tests compare it with what the commands print (tests/docs/comparison.py).
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = REPOSITORY.parent / "shared/data"
ON_SAMPLE_DATA = (
    "README.md",
    "docs/ads.md",
    "docs/coming-from.md",
    "docs/files.md",
    "docs/personalization.md",
    "docs/settings.md",
)
ON_PUBLIC_DATA = ("docs/bring-your-own-logs.md",)

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRESS = re.compile(
    r"[a-z][^:]*: [\d,]+( of [\d,]+, \d+ s left)?$"
)  # comes every ten seconds, so on slow machines only


@dataclass(frozen=True)
class Step:
    """One command of a transcript and the output that the document shows."""

    command: str
    shown: list[str]


def steps_of(document: Path) -> list[Step]:
    """The commands of a document's `console` blocks: `$ command`, continued by `> more`, then its output."""
    return [step for block in _BLOCK.findall(document.read_text(encoding="utf-8")) for step in _steps(block)]


def _steps(block: str) -> list[Step]:
    steps: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:], []))
        elif line.startswith("> ") and not steps[-1].shown:
            steps[-1] = Step(f"{steps[-1].command}\n{line[2:]}", [])
        else:
            steps[-1].shown.append(line.rstrip())
    return steps


def run_step(step: Step, directory: Path, programs: Path) -> list[str]:
    """Run a command as a person at a plain terminal of 100 columns would; what it printed, stderr included."""
    reader, terminal = pty.openpty()
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    process = subprocess.Popen(
        ["bash", "-c", step.command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    printed = b""
    while chunk := _read(reader):
        printed += chunk
    os.close(reader)
    process.wait()
    lines = [line.rstrip() for line in printed.decode().replace("\r\n", "\n").splitlines()]
    return [line for line in lines if not _PROGRESS.match(line)]


def prepare_directory(directory: Path) -> Path:
    """Lay the sample data, the configurations and the public data beside each other; returns where `etsyml` is."""
    for source in (REPOSITORY / "sample_data", REPOSITORY / "configs"):
        (directory / source.name).symlink_to(source)
    for source in SHARED_DATA.glob("*/*"):  # folders of our own: no command of a document writes into the data
        (directory / source.parent.name).mkdir(exist_ok=True)
        (directory / source.parent.name / source.name).symlink_to(source)
    programs = directory / "bin"
    programs.mkdir()
    program = programs / "etsyml"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m etsyml_cli "$@"\n')
    program.chmod(0o755)
    return programs


def rewrite(document: Path) -> None:
    """Replace the output in a document's blocks by what the commands print now; shown `…` lines are lost."""
    with tempfile.TemporaryDirectory() as name:
        programs = prepare_directory(Path(name))

        def run_block(block: re.Match[str]) -> str:
            lines = []
            for step in _steps(block[1]):
                lines.append("$ " + step.command.replace("\n", "\n> "))
                lines += run_step(step, Path(name), programs)
            return "```console\n" + "\n".join(lines) + "\n```"

        document.write_text(_BLOCK.sub(run_block, document.read_text(encoding="utf-8")), encoding="utf-8")


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except OSError:  # Linux says so when the last writer has gone
        return b""


if __name__ == "__main__":
    for name in [*ON_SAMPLE_DATA, *(ON_PUBLIC_DATA if SHARED_DATA.is_dir() else [])]:
        rewrite(REPOSITORY / name)
