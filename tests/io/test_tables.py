"""Table files: tables round-trip through `seal` and the readers, and appear only when complete."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.io import tables
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.schema import ARROW_TYPES, TABLES, arrow_schema, table_schema
from etsyml_cli.io.tables import (
    RowGroups,
    open_table,
    parquet_writer,
    read_table,
    rejects_path,
    seal,
    table_draft,
    table_is_up_to_date,
    table_manifest,
)
from tests.places import names_in

PLAN = Plan(kind="table:favorites", config={"a": 1})
ROWS = [{"user_id": "u", "listing_id": "x"}, {"user_id": "v", "listing_id": "y"}]


def written(path, rows=ROWS, plan=PLAN):
    schema = arrow_schema(table_schema("favorites"), list(rows[0]))
    with table_draft(path, plan) as draft:
        groups = RowGroups(parquet_writer(draft.table, schema))
        groups.write(pa.Table.from_pylist(rows, schema=schema))
        groups.flush()
        draft.rows = {"in": len(rows)}
        draft.rejects.write(b"{}\n")
        seal(groups.writer, draft)
    return path


def test_a_table_has_its_manifest_and_schema_version(tmp_path):
    path = written(tmp_path / "tables/favorites.parquet")
    manifest = table_manifest(path)
    assert manifest.plan == PLAN
    assert manifest.rows == {"in": 2}
    assert open_table(path, "favorites").metadata.num_rows == 2
    assert pq.read_schema(path).metadata[b"schema_version"] == b"1"
    assert names_in(path.parent) == [
        "favorites.parquet", "favorites.rejects.jsonl", "favorites.run.json",
    ]  # fmt: skip


def test_missing_optional_columns_are_null(tmp_path):
    path = written(tmp_path / "f.parquet")
    table = read_table(path, "favorites", ["created_at", "user_id", "weight"])
    assert table.schema == arrow_schema(table_schema("favorites"), ["created_at", "user_id", "weight"])
    assert table.to_pylist() == [{"created_at": None, "user_id": row["user_id"], "weight": None} for row in ROWS]


def test_an_unknown_column_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no column 'user'") as error:
        read_table(written(tmp_path / "f.parquet"), "favorites", ["user"])
    assert error.value.hint == "Did you mean 'user_id'?"


def test_wrong_files_are_reported(tmp_path):
    path = written(tmp_path / "f.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    (tmp_path / "text.parquet").write_text("a,b\n")
    for name, kind, message in (
        ("none.parquet", "favorites", "favorites table not found"),
        ("f.parquet", "listings", "expected the listings table, found table:favorites"),
        ("foreign.parquet", "favorites", "not a table that `etsyml ingest` wrote"),
        ("text.parquet", "favorites", "not a Parquet file"),
        (".", "favorites", "a directory"),
    ):
        with pytest.raises(InputError, match=message):
            open_table(path.parent / name, kind)


def test_another_schema_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "SCHEMA_VERSION", 2)
    path = written(tmp_path / "f.parquet")
    monkeypatch.undo()
    with pytest.raises(InputError, match="schema version is 2, expected 1"):
        open_table(path, "favorites")


def test_a_failed_draft_leaves_the_existing_table(tmp_path):
    path = written(tmp_path / "f.parquet")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(RuntimeError), table_draft(path, PLAN) as draft:
        draft.table.write_bytes(b"half")
        raise RuntimeError
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_two_writers_of_one_table_do_not_meet(tmp_path):
    path = tmp_path / "f.parquet"
    with table_draft(path, PLAN) as draft:
        with pytest.raises(UsageError, match="another etsyml process is writing"), table_draft(path, PLAN):
            pass
        assert draft.scratch.is_dir()
        writer = parquet_writer(draft.table, arrow_schema(table_schema("favorites"), ["user_id"]))
        seal(writer, draft)
    assert path.is_file()


def test_up_to_date(tmp_path):
    path = written(tmp_path / "f.parquet")
    assert table_is_up_to_date(path, PLAN)
    assert not table_is_up_to_date(path, Plan(kind="table:favorites", config={"a": 2}))
    rejects = rejects_path(path).read_bytes()
    rejects_path(path).write_text("other\n")
    assert not table_is_up_to_date(path, PLAN)
    rejects_path(path).write_bytes(rejects)
    assert table_is_up_to_date(path, PLAN)
    damaged = bytearray(path.read_bytes())
    damaged[10] ^= 1
    path.write_bytes(damaged)
    assert not table_is_up_to_date(path, PLAN)
    path.write_text("no Parquet")
    assert not table_is_up_to_date(path, PLAN)


def test_row_groups_do_not_depend_on_the_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 4)
    schema = pa.schema([("a", pa.int64())])
    sizes = []
    for parts in ([11], [3, 3, 3, 2], [1] * 11):
        path = tmp_path / "t.parquet"
        groups = RowGroups(pq.ParquetWriter(path, schema))
        rows = iter(range(11))
        for n in parts:
            groups.write(pa.table({"a": [next(rows) for _ in range(n)]}))
        groups.flush()
        groups.writer.close()
        assert pq.read_table(path)["a"].to_pylist() == list(range(11))
        metadata = pq.read_metadata(path)
        sizes.append([metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)])
    assert sizes == [[4, 4, 3]] * 3


def test_large_rows_make_small_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP_BYTES", 1000)
    groups = RowGroups(pq.ParquetWriter(tmp_path / "t.parquet", pa.schema([("a", pa.string())])))
    for _ in range(3):
        groups.write(pa.table({"a": ["x" * 2000]}))
    groups.writer.close()
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups == 3


@pytest.mark.parametrize("schema", TABLES.values(), ids=lambda schema: schema.name)
def test_schemas_are_consistent(schema):
    names = schema.names()
    assert len(set(names)) == len(names)
    assert set(schema.key) <= set(names)
    assert all(column.kind in ARROW_TYPES for column in schema.columns)
    assert all(name in names for group in schema.one_of for name in group)
    aliases = {alias for column in schema.columns for alias in column.aliases}
    assert not aliases & {column.name for column in schema.columns if column.required}


def test_an_unknown_table_is_a_usage_error():
    with pytest.raises(UsageError) as error:
        table_schema("favourites")
    assert error.value.hint == "Did you mean 'favorites'?"


def test_whatever_a_kill_leaves_of_a_draft_is_cleared(tmp_path):
    path = tmp_path / "f.parquet"
    scratch = tmp_path / ".f.partial"
    for left in (["plan.json"], ["plan.json", "table.parquet"], ["plan.json", "rejects.jsonl", "run.json"]):
        scratch.mkdir()
        for name in left:
            (scratch / name).touch()
        written(path)
        assert not scratch.exists()
