"""The run section of the report: it agrees with the manifests and the run records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.run import Run, run
from tests.conftest import Etsyml
from tests.report.sample_workspace import page


@pytest.fixture
def place(tmp_path: Path, etsyml: Etsyml) -> Workspace:
    """Two tables, one with rejects, and a model trained on them."""
    work = tmp_path / "work"
    rows = [f"U{n % 12},L{n // 12 + n % 2 * 9}" for n in range(108)]
    (tmp_path / "favorites.csv").write_text("\n".join(["user_id,listing_id", *rows]))
    listings = ["listing_id,title,price", *(f"L{n},title {n},{n}" for n in range(18)), "L1,again,1", "L2,and again,2"]
    (tmp_path / "listings.csv").write_text("\n".join([*listings, ",<b>bad</b>,3"]))
    for table in ("favorites", "listings"):
        done = etsyml("-w", work, "ingest", table, tmp_path / f"{table}.csv", "--max-bad-rate", "0.5")
        assert done.code == 0, done.err
    assert etsyml("-w", work, "train", "lda", "--set", "n_topics=2").code == 0
    return Workspace(work)


def test_the_lineage_connects_files_to_files_created_from_them(place: Workspace) -> None:
    found = run(place)
    assert isinstance(found, Run)
    names = [node.name for node in found.lineage.nodes]
    assert {(names[edge.source], names[edge.target]) for edge in found.lineage.edges} == {
        ("favorites.csv", "tables/favorites.parquet"),
        ("listings.csv", "tables/listings.parquet"),
        ("tables/favorites.parquet", "models/lda"),
        ("tables/listings.parquet", "models/lda"),
    }
    assert all(edge.source < edge.target and not edge.changed for edge in found.lineage.edges)
    assert [node.kind is None for node in found.lineage.nodes] == [name.endswith(".csv") for name in names]


def test_stages_show_time_and_memory(place: Workspace) -> None:
    found = run(place)
    assert isinstance(found, Run)
    assert [stage.path for stage in found.stages] == [
        "tables/favorites.parquet",
        "tables/listings.parquet",
        "models/lda",
    ]
    records = [place.root / "tables/favorites.run.json", place.root / "tables/listings.run.json"]
    for stage, path in zip(found.stages, [*records, place.model("lda") / "run.json"], strict=True):
        record = json.loads(path.read_text())
        assert (stage.wall_s, stage.cpu_s) == (record["wall_s"], record["cpu_s"])
        assert stage.peak_memory_mb == record["peak_memory_mb"]
    assert found.stages[1].rows == {"in": 21, "out": 18, "merged": 0, "rejected": 3}


def test_a_lost_record_is_no_harm(place: Workspace) -> None:
    (place.model("lda") / "run.json").unlink()
    (place.root / "tables/listings.run.json").write_text("not JSON")
    found = run(place)
    assert isinstance(found, Run)
    assert [stage.cpu_s is None for stage in found.stages] == [False, True, True]
    assert "no record" in page(place, run=found)


def test_rejects_are_counted_by_reason_with_an_example(place: Workspace) -> None:
    found = run(place)
    assert isinstance(found, Run)
    counted = [(one.path, one.reason, one.number, one.where) for one in found.rejected]
    assert counted == [
        ("tables/listings.parquet", "duplicate id", 2, "listings.csv:3"),
        ("tables/listings.parquet", "missing value", 1, "listings.csv:22"),
    ]
    assert found.rejected[1].example == ",<b>bad</b>,3"
    assert ",&lt;b&gt;bad&lt;/b&gt;,3" in page(place, run=found)


def test_damaged_manifests_are_reported(place: Workspace) -> None:
    (place.model("lda") / "manifest.json").write_text("{")
    found = run(place)
    assert isinstance(found, Run)
    assert len(found.stages) == 2 and [one.what.split(":")[0] for one in found.damaged] == [
        str(place.model("lda") / "manifest.json")
    ]
    assert "etsyml inspect" in page(place, run=found)
