"""A table is not replaced by a smaller one unless the user confirms it."""

from __future__ import annotations

from pathlib import Path

import pytest

from etsyml_cli.io.tables import table_manifest
from tests.conftest import Ended, Etsyml


def write(path: Path, n: int) -> Path:
    path.write_text("user_id,listing_id\n" + "".join(f"U{i},L{i}\n" for i in range(n)))
    return path


@pytest.fixture
def long(tmp_path: Path, etsyml: Etsyml) -> Path:
    """A file of 1,500 favorites, ingested into `tmp_path`."""
    path = write(tmp_path / "long.csv", 1500)
    assert etsyml("-w", tmp_path, "ingest", "favorites", path).code == 0
    return path


def rows(workspace: Path) -> int:
    return table_manifest(workspace / "tables/favorites.parquet").rows["out"]


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_fewer_rows_are_refused_with_both_counts(
    long: Path, tmp_path: Path, options: list[str], etsyml: Etsyml
) -> None:
    short = write(tmp_path / "short.csv", 30)
    ended = etsyml("-w", tmp_path, "ingest", "favorites", short, *options)
    assert ended.code == 4
    table = tmp_path / "tables/favorites.parquet"
    assert ended.err.splitlines()[0] == f"error: {table}: has 1,500 rows, the new table would have 30"
    assert "--replace" in ended.err
    assert rows(tmp_path) == 1500
    assert "up to date" in etsyml("-w", tmp_path, "ingest", "favorites", long).err  # its rejects are kept too


def test_a_part_of_the_same_file_is_fewer_rows(long: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    assert etsyml("-w", tmp_path, "ingest", "favorites", long, "--limit", "10").code == 4


def test_fewer_rows_replace_with_replace(long: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    short = write(tmp_path / "short.csv", 30)
    assert etsyml("-w", tmp_path, "ingest", "favorites", short, "--replace").code == 0
    assert rows(tmp_path) == 30
    assert "up to date" in etsyml("-w", tmp_path, "ingest", "favorites", short).err


@pytest.mark.parametrize("n", [1500, 1600])
def test_as_many_rows_or_more_replace(long: Path, tmp_path: Path, n: int, etsyml: Etsyml) -> None:
    other = tmp_path / "other.csv"
    other.write_text("user_id,listing_id\n" + "".join(f"V{i},L{i}\n" for i in range(n)))
    assert etsyml("-w", tmp_path, "ingest", "favorites", other).code == 0
    assert rows(tmp_path) == n


def test_a_named_table_is_treated_the_same(long: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    out = tmp_path / "tables/favorites.parquet"
    short = write(tmp_path / "short.csv", 30)

    def ingest(*more: str) -> Ended:
        return etsyml("ingest", "favorites", short, "--out", out, *more)

    assert ingest().code == 4
    assert ingest("--force").code == 4
    assert ingest("--replace").code == 0
    assert rows(tmp_path) == 30
