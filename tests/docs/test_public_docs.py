"""A separate file, so that a second worker can run these documents in parallel with those on sample data."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.transcripts import ON_PUBLIC_DATA, SHARED_DATA
from tests.docs.follow import follow


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="public data sets not found: shared/data next to the checkout")
@pytest.mark.parametrize("document", ON_PUBLIC_DATA)
def test_the_transcripts_on_public_data_are_real(document: str, tmp_path: Path) -> None:
    follow(document, tmp_path)
