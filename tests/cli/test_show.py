"""The line that a command prints about its output."""

from __future__ import annotations

import pytest

from tests.conftest import REPOSITORY, Etsyml

LISTINGS = REPOSITORY / "sample_data/listings.csv"


def test_the_line_about_a_table_counts_the_rows_written_and_read(etsyml: Etsyml, tmp_path) -> None:
    lines = LISTINGS.read_text().splitlines()
    (tmp_path / "listings.csv").write_text("\n".join([*lines[:300], lines[1].replace(",", ",another ", 1)]))
    command = ("-w", tmp_path, "ingest", "listings", tmp_path / "listings.csv")
    counts = "299 rows (300 read, 0 merged, 1 rejected)"
    table = tmp_path / "tables/listings.parquet"
    assert etsyml(*command).err.splitlines()[0] == f"{table}: wrote {counts}"
    assert etsyml(*command).err.splitlines()[0] == f"{table}: up to date, {counts}"


@pytest.mark.parametrize("state", ["written", "up to date"])
def test_the_line_about_another_output_names_its_counts(etsyml: Etsyml, tmp_path, state: str) -> None:
    etsyml("-w", tmp_path, "ingest", "favorites", REPOSITORY / "sample_data/favorites.jsonl", "-q")
    command = ("-w", tmp_path, "train", "lda", "--n-topics", "2", "--limit", "2000")
    if state == "up to date":
        etsyml(*command)
    lines = [line for line in etsyml(*command).err.splitlines() if line.startswith(f"{tmp_path}/models/lda: ")]
    assert len(lines) == 1 and lines[0].startswith(f"{tmp_path}/models/lda: {state} (")
    assert lines[0].endswith(" favorites used)")
