"""Text that is too long for 32-bit offsets: in the tests any text is, by the limit of a few bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from etsyml_cli.io import wide
from etsyml_cli.io.tables import read_table
from etsyml_cli.io.wide import widened
from tests.conftest import Etsyml

COMMANDS = (
    "ingest listings {shop}/listings.csv",
    "ingest searches {shop}/searches.tsv.gz",
    "ingest favorites {shop}/favorites.jsonl",
    "ingest impressions {shop}/impressions.csv.gz",
    "extract-images --backbone tiny --set engine=torch",
    "train ltr",
    "train lda --set passes=2",
    "train ctr --set features.text=[title,tags,query] --set features.categorical=[shop_id]",
    "index ltr",
    "index similar",
)
LISTS = (
    "rank --query scarf",
    "similar --listing L1 --explain",
    "similar --judge",
    "recommend --user U1",
    "styles",
    "score {work}/tables/impressions.parquet",
    "evaluate",
)


def chain(etsyml: Etsyml, work: Path, shop: Path) -> tuple[dict[str, bytes], list[str]]:
    """The bytes of all that the commands write, and what others print."""
    for command in COMMANDS:
        ended = etsyml("-w", work, *command.format(shop=shop).split())
        assert ended.code == 0, ended.err
    printed = []
    for command in LISTS:
        ended = etsyml("-w", work, *command.format(work=work).split())
        assert ended.code == 0, ended.err
        printed.append(ended.out)
    files = {str(path.relative_to(work)): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if not name.endswith("run.json")}, printed


def test_wide_text_goes_through_the_chain_and_changes_no_byte(
    tmp_path: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "shop"
    drawn = ["--listings", "40", "--users", "40", "--set", "impressions=1500"]
    assert etsyml("sample-data", "--out", shop, *drawn).code == 0
    narrow = chain(etsyml, tmp_path / "narrow" / "work", shop)
    monkeypatch.setattr(wide, "MOST_BYTES", 0)
    table = read_table(tmp_path / "narrow/work/tables/listings.parquet", "listings")
    assert table["title"].type == pa.large_string() and table["tags"].type == pa.list_(pa.large_string())
    files, printed = chain(etsyml, tmp_path / "wide" / "work", shop)
    assert files.keys() == narrow[0].keys()
    assert [name for name, content in files.items() if content != narrow[0][name]] == []
    assert printed == narrow[1]


def test_text_that_32_bits_can_hold_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"short": ["a"], "long": ["abcdefghijklmnop"], "lists": [["abcdefghijklmnop"]], "numbers": [1]})
    assert widened(table) is table
    monkeypatch.setattr(wide, "MOST_BYTES", 12)
    kinds = [pa.string(), pa.large_string(), pa.list_(pa.large_string()), pa.int64()]
    assert widened(table).schema.types == kinds
    assert widened(table).to_pylist() == table.to_pylist()


def test_more_than_two_gigabytes_are_widened_without_a_copy() -> None:
    chunk = pa.array(["x" * (1 << 20)] * 64)
    before = pa.total_allocated_bytes()
    column = widened(pa.table({"text": pa.chunked_array([chunk] * 40)}))["text"]  # 2.7 GB, 67 MB of them real
    assert column.type == pa.large_string()
    assert column.slice(0, 1)[0].as_py() == "x" * (1 << 20)
    assert pa.total_allocated_bytes() - before < 1 << 21
