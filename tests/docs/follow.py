from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

from scripts.transcripts import prepare_directory, run_step, steps_of
from tests.conftest import REPOSITORY
from tests.docs.comparison import is_shown


def follow(document: str, directory: Path) -> None:
    """Run every command of a document in order; each must print what the document shows."""
    programs = prepare_directory(directory)
    for step in steps_of(REPOSITORY / document):
        printed = run_step(step, directory, programs)
        difference = unified_diff(step.shown, printed, document, "printed", lineterm="")
        assert is_shown(printed, step.shown), "\n".join([f"$ {step.command}", *difference])
