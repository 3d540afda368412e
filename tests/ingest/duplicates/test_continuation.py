"""Listings over several rows: against a slow reference, across block borders, with every row in one count."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.tables import rejects_path

ALL_BAD = IngestConfig(max_bad_rate=1.0)


@pytest.fixture(autouse=True)
def tiny_chunks(monkeypatch):
    """Blocks of one or two rows."""
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 64)


def run(folder: Path, rows: list[dict], config: IngestConfig = ALL_BAD):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = ingest("listings", [str(path)], out=folder / "listings.parquet", config=config)
    rejects = [json.loads(line) for line in rejects_path(folder / "listings.parquet").read_text().splitlines()]
    return pq.read_table(folder / "listings.parquet").to_pylist(), rejects, summary.rows


def expected(rows: list[dict]) -> tuple[list[dict], list[int]]:
    """Listings, and the lines of rejects, one row after the other."""
    listings: list[dict] = []
    rejects: list[int] = []
    above = None  # the listing of the row above
    for line, row in enumerate(rows, 1):
        if row["title"] is not None:
            above = {**row, "tags": row["tags"] or None}
            listings.append(above)
        elif above is not None and row["listing_id"] == above["listing_id"]:
            new = [tag for tag in row["tags"] if tag not in (above["tags"] or [])]
            above["tags"] = (above["tags"] or []) + new or None
            above["price"] = row["price"] if above["price"] is None else above["price"]
        else:
            rejects.append(line)
            above = None
    return listings, rejects


@st.composite
def logs(draw) -> list[dict]:
    """Listings with continuations of their own and of others; no id has two titles."""
    rows: list[dict] = []
    for n in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["listing", "continuation", "continuation", "stray"])) if n else "listing"
        ids = {"listing": f"L{n}", "continuation": rows[-1]["listing_id"] if rows else "", "stray": "L0"}
        price = draw(st.sampled_from([None, 1.5, 2.0]))
        tags = draw(st.lists(st.sampled_from(["x", "y", "z"]), max_size=2, unique=True))
        title = "Mug" if kind == "listing" else None
        rows.append({"listing_id": ids[kind], "title": title, "price": price, "tags": tags})
    return rows


@given(rows=logs())
def test_equal_to_the_reference(rows):
    with tempfile.TemporaryDirectory() as folder:
        found, rejects, counts = run(Path(folder), rows)
    listings, rejected = expected(rows)
    assert [{**row, "tags": row["tags"] or None} for row in found] == listings
    assert [(one["line"], one["reason"]) for one in rejects] == [(line, "missing value") for line in rejected]
    assert counts == {
        "in": len(rows), "out": len(listings), "merged": len(rows) - len(listings) - len(rejected),
        "rejected": len(rejected),
    }  # fmt: skip


def test_photos_and_times_are_joined(tmp_path):
    [row], _, counts = run(
        tmp_path,
        [
            {"listing_id": "a", "title": "Mug", "images": ["1.jpg"], "created_at": None},
            {"listing_id": "a", "title": "", "images": ["2.jpg", "1.jpg"], "created_at": "2024-05-01T10:00:00Z"},
            {"listing_id": "a", "title": None, "images": ["3.jpg"], "created_at": "2025-05-01T10:00:00Z"},
        ],
    )
    assert row["images"] == ["1.jpg", "2.jpg", "3.jpg"]
    assert row["created_at"].isoformat() == "2024-05-01T10:00:00+00:00"
    assert counts == {"in": 3, "out": 1, "merged": 2, "rejected": 0}


def test_a_listing_does_not_continue_in_another_file(tmp_path):
    for name, title in (("1.jsonl", "Mug"), ("2.jsonl", None)):
        (tmp_path / name).write_text(json.dumps({"listing_id": "a", "title": title}) + "\n")
    files = [str(tmp_path / "1.jsonl"), str(tmp_path / "2.jsonl")]
    summary = ingest("listings", files, out=tmp_path / "l.parquet", config=ALL_BAD)
    assert summary.rows == {"in": 2, "out": 1, "merged": 0, "rejected": 1}


def test_rows_without_a_title_above_are_refused(tmp_path):
    with pytest.raises(DataError, match="2 of 2 rows are bad"):
        run(tmp_path, [{"listing_id": "a", "title": None}, {"listing_id": "a", "title": None}], IngestConfig())
