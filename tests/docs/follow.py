from __future__ import annotations

from pathlib import Path

from scripts.transcripts import is_shown, prepare, run_step, steps_of
from tests.conftest import REPOSITORY


def follow(document: str, directory: Path) -> None:
    """Run every command of a document in order; each must print what the document shows."""
    programs = prepare(directory)
    for step in steps_of(REPOSITORY / document):
        printed = run_step(step, directory, programs)
        assert is_shown(printed, step.shown), f"$ {step.command}\n" + "\n".join(printed)
