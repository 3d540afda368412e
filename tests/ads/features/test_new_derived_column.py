"""A new derived column is one file and one line in DERIVED, as CONTRIBUTING.md describes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etsyml_cli.ads.features.derived.column import DERIVED
from etsyml_cli.core.rng import generator
from tests.ads.test_train import write_table
from tests.conftest import Etsyml

TOY = """
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.features.derived.column import DerivedColumn


def afternoon(times: pa.Array) -> pa.Array:
    return pc.greater_equal(pc.hour(times), 12).cast(pa.int64())


AFTERNOON = DerivedColumn(afternoon, pa.int64())
"""
FEATURE = ("--set", "features.categorical=[afternoon]", "--set", "history=null", "--set", "bits=12")
DAY = datetime(2024, 3, 1, tzinfo=UTC)


def write_log(path: Path) -> Path:
    """Four days of impressions that are clicked nearly only in the afternoon."""
    rng = generator(7, "afternoon")
    times = [DAY + timedelta(minutes=10 * i) for i in range(4 * 24 * 6)]
    rows = [
        {
            "impression_id": f"A{i}",
            "created_at": time,
            "listing_id": f"L{i % 3}",
            "clicked": int(rng.random() < (0.5 if time.hour >= 12 else 0.05)),
        }
        for i, time in enumerate(times)
    ]
    return write_table("impressions", rows, path / "tables/impressions.parquet")


def test_a_new_derived_column_is_one_file_and_one_line(
    tmp_path: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy_column.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(DERIVED, "afternoon", "toy_column:AFTERNOON")
    write_log(tmp_path)

    trained = etsyml("-w", tmp_path, "train", "ctr", *FEATURE)
    assert trained.code == 0, trained.err

    times = [(DAY + timedelta(days=9, hours=hour)).isoformat() for hour in (3, 11, 12, 23)]
    rows = [{"listing_id": "L0", "created_at": time} for time in times] + [{"listing_id": "L0", "afternoon": 1}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scored = etsyml("-w", tmp_path, "score", tmp_path / "rows.jsonl", "--explain")
    assert scored.code == 0, scored.err
    night, morning, noon, evening, stated = map(json.loads, scored.out.splitlines())
    assert night["score"] == morning["score"] < noon["score"] / 2
    assert noon["score"] == evening["score"] == stated["score"]
    assert any("afternoon" in why["what"] for why in noon["why"])
