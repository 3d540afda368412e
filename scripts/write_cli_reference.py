"""Write docs/cli.md from the help of each command; a test checks that the file is up to date."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import typer

from etsyml_cli.cli.main import COMMANDS, run
from etsyml_cli.core.registry import resolve

REFERENCE = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# Commands

Generated from the help of each command by `make docs`.
"""


def reference() -> str:
    """The whole reference as Markdown."""
    pages = [f"\n## {' '.join(['etsyml', *command])}\n\n```text\n{_help(command)}```\n" for command in commands()]
    return HEAD + "".join(pages)


def commands() -> list[list[str]]:
    """The words of each command, with an empty list for `etsyml` first."""
    found: list[list[str]] = [[]]
    for name in COMMANDS:
        command = resolve(COMMANDS, name, "command")
        group = command.registered_commands if isinstance(command, typer.Typer) else None
        found += [[name]] if group is None else [[name, str(one.name)] for one in group]
    return found


def _help(command: list[str]) -> str:
    os.environ["COLUMNS"] = "80"  # the same page at every terminal
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        run([*command, "--help"])
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
