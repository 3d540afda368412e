from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from scripts.transcripts import ON_PUBLIC_DATA, ON_SAMPLE_DATA, steps_of
from tests.conftest import REPOSITORY
from tests.docs.follow import follow


@pytest.mark.parametrize("document", ON_SAMPLE_DATA)
def test_the_transcripts_on_sample_data_are_real(document: str, tmp_path: Path) -> None:
    follow(document, tmp_path)


def test_every_document_with_transcripts_is_followed() -> None:
    documents = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    with_steps = {str(document.relative_to(REPOSITORY)) for document in documents if steps_of(document)}
    assert with_steps == {*ON_SAMPLE_DATA, *ON_PUBLIC_DATA}


def test_the_command_reference_is_fresh() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts/write_cli_reference.py"))
    assert (REPOSITORY / "docs/cli.md").read_text(encoding="utf-8") == script["reference"](), "run: make docs"


def test_the_table_of_metrics_is_current() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts/write_metrics_table.py"))
    assert (REPOSITORY / "docs/metrics.md").read_text(encoding="utf-8") == script["page"](), "run: make docs"


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
