"""Ids such as 196.0: one rule for the whole column, whatever the format, the blocks and the order of the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.summary import Summary
from etsyml_cli.io.tables import read_table
from tests.conftest import Etsyml

IDS = st.sampled_from(
    ["196.0", "-1.0", "7.00", "196", "007", "8", " 5.0 ", "1.5", "v2", ".0", "1.0.0", "é.0", "9." + "0" * 40]
)


def csv_file(path: Path, ids: Iterable[str]) -> str:
    path.write_text("user_id,listing_id\n" + "".join(f"{user},L{path.stem}{i}\n" for i, user in enumerate(ids)))
    return str(path)


def users(files: list[str], out: Path) -> tuple[list[str], Summary]:
    summary = ingest("favorites", files, out=out, config=IngestConfig(max_bad_rate=1), force=True)
    table = read_table(out, "favorites").sort_by("listing_id")
    return table["user_id"].to_pylist(), summary


def by_the_rule(ids: list[str]) -> list[str]:
    whole = all(re.fullmatch(r"-?\d+(\.0+)?", text.strip()) for text in ids)
    return [re.sub(r"\.0+$", "", text.strip()) if whole else text.strip() for text in ids]


@settings(max_examples=12)
@given(ids=st.lists(st.lists(IDS, min_size=1, max_size=12), min_size=1, max_size=3))
def test_the_rule_does_not_depend_on_blocks_and_order_of_files(tmp_path_factory, ids):
    folder = tmp_path_factory.mktemp("ids")
    files = [csv_file(folder / f"{number}.csv", column) for number, column in enumerate(ids)]
    names = sorted((f"L{number}{i}", text) for number, column in enumerate(ids) for i, text in enumerate(column))
    expected = by_the_rule([text for _, text in names])
    for chunk in (32, 4 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(input_files, "CHUNK_BYTES", chunk)
            for order in (files, files[::-1]):
                assert users(order, folder / "out.parquet")[0] == expected


def test_all_formats_give_the_same_ids(tmp_path):
    csv = csv_file(tmp_path / "x.csv", ["196.0", "22.0"])
    texts = tmp_path / "x.jsonl"
    texts.write_text('{"user_id": "196.0", "listing_id": "L1"}\n{"user_id": 22.0, "listing_id": "L2"}\n')
    pq.write_table(pa.table({"user_id": [196.0, 22.0], "listing_id": ["L1", "L2"]}), tmp_path / "x.parquet")
    pq.write_table(pa.table({"user_id": ["196.0", "22.0"], "listing_id": ["L1", "L2"]}), tmp_path / "y.parquet")
    for file in (csv, texts, tmp_path / "x.parquet", tmp_path / "y.parquet"):
        assert users([str(file)], tmp_path / "out.parquet")[0] == ["196", "22"], file


def test_shortened_ids_are_counted_by_column(tmp_path):
    _, summary = users([csv_file(tmp_path / "x.csv", ["196.0", "", "22", "5.0"])], tmp_path / "out.parquet")
    assert summary.facts["ids_without_decimals"] == {"user_id": 2}


def test_one_other_id_after_many_blocks_keeps_all_and_says_so(tmp_path: Path, etsyml: Etsyml, monkeypatch):
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 64)
    file = csv_file(tmp_path / "x.csv", [*(f"{i}.0" for i in range(50)), "guest"])
    ended = etsyml("-w", tmp_path / "w", "ingest", "favorites", file, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["facts"]["ids_without_decimals"] == {}
    assert "user_id: 50 ids such as 196.0 are kept as they are, because others, such as guest, are not" in ended.err
    assert read_table(tmp_path / "w/tables/favorites.parquet", "favorites")["user_id"][:2].to_pylist() == ["0.0", "1.0"]
