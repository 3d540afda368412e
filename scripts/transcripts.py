"""Documentation that is executed: `console` blocks of a Markdown file, run in order, their output compared.

Words must be equal. Numbers may differ a little: other processors round otherwise, and times differ.
A line that is just `…` stands for any number of lines.
"""

from __future__ import annotations

import math
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
RELATIVE, ABSOLUTE = 0.1, 0.03


@dataclass(frozen=True)
class Step:
    """One command of a transcript and the output that the document shows."""

    command: str
    shown: list[str]


def steps_of(document: Path) -> list[Step]:
    """The commands of a document's `console` blocks: `$ command`, continued by `> more`, then its output."""
    steps: list[Step] = []
    for block in _BLOCK.findall(document.read_text(encoding="utf-8")):
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
        ["bash", "-c", step.command], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    printed = b""
    while chunk := _read(reader):
        printed += chunk
    os.close(reader)
    process.wait()
    return [line.rstrip() for line in printed.decode().replace("\r\n", "\n").splitlines()]


def install_etsyml(programs: Path) -> None:
    """Put an `etsyml` into a directory, for a shell that finds it there."""
    programs.mkdir()
    program = programs / "etsyml"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m etsyml_cli "$@"\n')
    program.chmod(0o755)


def is_shown(printed: list[str], shown: list[str]) -> bool:
    """Whether the document shows what was printed."""
    if not shown:
        return not printed
    if shown[0] == "…":
        return any(is_shown(printed[skipped:], shown[1:]) for skipped in range(len(printed) + 1))
    return bool(printed) and _alike(printed[0], shown[0]) and is_shown(printed[1:], shown[1:])


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except OSError:  # Linux says so when the last writer has gone
        return b""


def _alike(one: str, other: str) -> bool:
    if re.sub(r"[\s#─━]+", " ", _NUMBER.sub("#", one)) != re.sub(r"[\s#─━]+", " ", _NUMBER.sub("#", other)):
        return False
    numbers = [[float(n.replace(",", "")) for n in _NUMBER.findall(line)] for line in (one, other)]
    return all(math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE) for a, b in zip(*numbers, strict=True))
