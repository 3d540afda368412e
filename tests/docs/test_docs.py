from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.transcripts import install_etsyml, is_shown, run_step, steps_of

SHARED_DATA = REPOSITORY.parent / "shared/data"
ON_SAMPLE_DATA = ["README.md"]
ON_PUBLIC_DATA = ["docs/bring-your-own-logs.md"]


def follow(document: str, directory: Path) -> None:
    """Run every command of a document in order; each must print what the document shows."""
    install_etsyml(directory / "bin")
    for step in steps_of(REPOSITORY / document):
        printed = run_step(step, directory, directory / "bin")
        assert is_shown(printed, step.shown), f"$ {step.command}\n" + "\n".join(printed)


@pytest.mark.parametrize("document", ON_SAMPLE_DATA)
def test_the_transcripts_on_sample_data_are_real(document: str, tmp_path: Path) -> None:
    for name in ("sample_data", "configs"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    follow(document, tmp_path)


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the public data sets do not lie beside this checkout")
@pytest.mark.parametrize("document", ON_PUBLIC_DATA)
def test_the_transcripts_on_public_data_are_real(document: str, tmp_path: Path) -> None:
    for data in SHARED_DATA.iterdir():
        (tmp_path / data.name).symlink_to(data)
    follow(document, tmp_path)


def test_every_document_with_transcripts_is_followed() -> None:
    documents = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    with_steps = {str(document.relative_to(REPOSITORY)) for document in documents if steps_of(document)}
    assert with_steps == {*ON_SAMPLE_DATA, *ON_PUBLIC_DATA}


def test_a_transcript_that_lies_is_noticed() -> None:
    assert is_shown(["a 0.512 b", "c"], ["a 0.51 b", "c"])
    assert is_shown(["x", "y", "z"], ["…", "z"])
    assert not is_shown(["a 0.9 b"], ["a 0.51 b"])
    assert not is_shown(["a 0.51 c"], ["a 0.51 b"])
    assert not is_shown(["a", "b"], ["a"])
    assert not is_shown([], ["a"])


def test_the_command_reference_is_fresh() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts/write_cli_reference.py"))
    assert (REPOSITORY / "docs/cli.md").read_text(encoding="utf-8") == script["reference"](), "run: make docs"


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
