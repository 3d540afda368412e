"""Write docs/cli.md from the commands' own help pages; a test holds the file to be fresh."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from etsyml_cli.cli.main import run

COMMANDS = (
    "",
    "demo",
    "sample-data",
    "ingest",
    "extract-images",
    "train ltr",
    "train lda",
    "train ctr",
    "evaluate",
    "rank",
    "recommend",
    "score",
    "inspect",
    "config show",
    "doctor",
)
REFERENCE = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# The commands

Written from the commands' own help pages by `make docs`.
"""


def reference() -> str:
    """The whole reference as Markdown."""
    pages = [f"\n## etsyml {command}".rstrip() + f"\n\n```text\n{_help(command)}```\n" for command in COMMANDS]
    return HEAD + "".join(pages)


def _help(command: str) -> str:
    os.environ["COLUMNS"] = "80"  # the same page at every terminal
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        run([*command.split(), "--help"])
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
