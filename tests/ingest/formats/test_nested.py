"""Nested files from the command line: paths, several columns for one, exploded lists, and the hints that lead there."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Etsyml

PRODUCTS = [
    {
        "product": {"id": f"A{i}", "title": f"Fern mug {i}"},
        "price": {"amount": 12.5 + i, "currency": "USD"},
        "tags": [{"name": "fern"}, {"name": f"mug {i}"}],
        "media": [{"file": "a.jpg"}, {"file": f"{i}.jpg"}] if i else [],
    }
    for i in range(3)
]
SESSIONS = [
    {"session": 1, "q": "mug", "ts": 1714557600, "items": [{"id": "a", "clicked": 0}, {"id": "b", "clicked": 1}]},
    {"session": 2, "q": "hat", "ts": 1714557700, "items": []},
    {"session": 3, "q": "cup", "ts": 1714557800, "items": [{"id": "c", "clicked": 1}]},
]


def lines_file(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(workspace: Path, name: str) -> list[dict]:
    return pq.read_table(workspace / f"tables/{name}.parquet").to_pylist()


def maps(**columns: str) -> list[str]:
    return [word for ours, theirs in columns.items() for word in ("--map", f"{ours}={theirs}")]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_paths_in_objects_and_in_lists_of_objects(etsyml: Etsyml, tmp_path, kind):
    file = lines_file(tmp_path / "x.jsonl", PRODUCTS)
    if kind == "parquet":
        file = tmp_path / "x.parquet"
        pq.write_table(pa.Table.from_pylist(PRODUCTS), file)
    columns = maps(
        listing_id="product.id", title="product.title", price="price.amount", currency="price.currency",
        tags="tags.name", images="media.file", image="media.1.file",
    )  # fmt: skip
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", file, *columns)
    assert ended.code == 0, ended.err
    assert "left out" not in ended.err
    assert table(tmp_path / "w", "listings") == [
        {
            "listing_id": f"A{i}", "title": f"Fern mug {i}", "tags": ["fern", f"mug {i}"], "price": 12.5 + i,
            "currency": "USD", "image": f"{i}.jpg" if i else None, "images": ["a.jpg", f"{i}.jpg"] if i else None,
        }
        for i in range(3)
    ]  # fmt: skip


def test_columns_of_objects_are_refused_with_a_map_that_works(etsyml, tmp_path):
    rows = [row | {"listing_id": f"L{i}", "title": "Mug"} for i, row in enumerate(PRODUCTS)]
    file = lines_file(tmp_path / "x.jsonl", rows)
    refused = etsyml("-w", tmp_path / "w", "ingest", "listings", file)
    assert refused.code == 3
    assert "x.jsonl: tags holds objects with the key name" in refused.err
    options = refused.err.partition("Try ")[2].partition(", or")[0].split()
    assert options == maps(tags="tags.name", price="price.amount")
    assert etsyml("-w", tmp_path / "w", "ingest", "listings", file, *options).code == 0
    assert table(tmp_path / "w", "listings")[2]["price"] == 14.5
    left_out = refused.err.partition("leave out: ")[2].split()
    assert etsyml("-w", tmp_path / "w", "ingest", "listings", file, *left_out, "--replace").code == 0


def test_a_path_to_objects_is_refused_and_one_odd_object_is_not(etsyml, tmp_path):
    rows = [{"listing_id": f"L{i}", "title": "Mug", "of": {"price": {"amount": i}, "note": "n"}} for i in range(9)]
    rows[3]["of"]["note"] = {"odd": 1}
    file = lines_file(tmp_path / "x.jsonl", rows)
    refused = etsyml("-w", tmp_path, "ingest", "listings", file, *maps(price="of.price"))
    assert refused.code == 3
    assert "of.price holds objects with the key amount\n  Try --map price=of.price.amount, or" in refused.err
    columns = maps(price="of.price.amount", description="of.note")
    ended = etsyml("-w", tmp_path, "ingest", "listings", file, *columns, "--max-bad-rate", "0.2")
    assert "holds objects" not in ended.err


def test_check_lists_paths_and_proposes_a_command_that_works(etsyml, tmp_path):
    rows = [row | {"listing_id": f"L{i}", "title": "Mug"} for i, row in enumerate(PRODUCTS)]
    file = lines_file(tmp_path / "x.jsonl", rows)
    report = json.loads(etsyml("-w", tmp_path / "w", "ingest", "listings", file, "--check", "--json").out)
    names = [column["name"] for column in report["columns"]]
    assert {"product.id", "product.title", "price.amount", "price.currency", "tags.name", "media.file"} <= set(names)
    assert report["config"]["map"]["price"] == "price.amount"
    assert report["config"]["map"]["tags"] == "tags.name"
    assert "price" in next(column["becomes"] for column in report["columns"] if column["name"] == "price.amount")


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("product.ident", "x.jsonl has no column 'product.ident'", "Did you mean 'product.id'?"),
        ("price.amuont", "x.jsonl has no column 'price.amuont'", "Did you mean 'price.amount'?"),
        ("produkt.id", "x.jsonl has no column 'produkt.id'", "Did you mean 'product.id'?"),
        ("product.id,nothing", "x.jsonl has no column 'nothing'", "Choose from: "),
    ],
)
def test_a_path_that_does_not_exist_is_a_usage_error(etsyml, tmp_path, source, message, hint):
    file = lines_file(tmp_path / "x.jsonl", PRODUCTS)
    for option in ([], ["--check"]):
        ended = etsyml("-w", tmp_path, "ingest", "listings", file, *maps(listing_id=source, title="price"), *option)
        assert ended.code == 2
        assert message in ended.err
        assert hint in ended.err


def test_several_columns_become_one(etsyml, tmp_path):
    (tmp_path / "x.csv").write_text(
        'listing_id,brand,name,IMAGE1,IMAGE2,TAGS,MATERIALS,sale,regular,"a,b"\n'
        'L1,Fern,Mug,a.jpg,b.jpg,"mug,fern",clay|glaze,,12,x\n'
        "L2,,Apron,,c.jpg,,,9.5,11,y\n"
        "L3,Moss,,,,,wool,,,\n"
    )
    columns = maps(
        title="brand, name", images="IMAGE1,IMAGE2", tags="TAGS,MATERIALS", price="sale,regular", category="a,b",
        shop_id="brand,=none",
    )  # fmt: skip
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.csv", *columns)
    assert ended.code == 0, ended.err
    assert "left out" not in ended.err
    common = ("listing_id", "title", "shop_id", "tags", "category", "price", "images")
    assert [tuple(row[name] for name in common) for row in table(tmp_path / "w", "listings")] == [
        ("L1", "Fern Mug", "Fern", ["mug", "fern", "clay", "glaze"], "x", 12.0, ["a.jpg", "b.jpg"]),
        ("L2", "Apron", "none", None, "y", 9.5, ["c.jpg"]),
        ("L3", "Moss", "Moss", ["wool"], None, None, None),
    ]


def test_a_bad_value_among_several_is_rejected(etsyml, tmp_path):
    rows = [{"listing_id": f"L{i}", "title": "A", "sku": i} for i in range(3)] + [{"title": "B", "sku": {"a": 1}}]
    file = lines_file(tmp_path / "x.jsonl", rows)
    ended = etsyml(
        "-w", tmp_path / "w", "ingest", "listings", file, *maps(listing_id="listing_id,sku"), "--max-bad-rate", "0.5"
    )
    assert ended.code == 0, ended.err
    reject = json.loads((tmp_path / "w/tables/listings.rejects.jsonl").read_text())
    assert (reject["line"], reject["field"], reject["reason"]) == (4, "listing_id", "not an id")


def test_session_logs_become_impressions(etsyml, tmp_path):
    file = lines_file(tmp_path / "x.jsonl", SESSIONS)
    columns = maps(listing_id="items.id", clicked="items.clicked", created_at="ts", query="q", position="items.#")
    arguments = (
        "-w",
        tmp_path / "w",
        "ingest",
        "impressions",
        file,
        "--explode",
        "items",
        "--time-unit",
        "s",
        *columns,
    )
    ended = etsyml(*arguments, "--max-bad-rate", "0.3")
    assert ended.code == 0, ended.err
    assert "3 rows (4 read, 0 merged, 1 rejected)" in ended.err
    assert "exploded lines: 2" in ended.err
    names = ("listing_id", "clicked", "query", "position")
    assert [tuple(row[name] for name in names) for row in table(tmp_path / "w", "impressions")] == [
        ("a", 0, "mug", 1), ("b", 1, "mug", 2), ("c", 1, "cup", 1),
    ]  # fmt: skip
    reject = json.loads((tmp_path / "w/tables/impressions.rejects.jsonl").read_text())
    assert (reject["line"], reject["field"], reject["reason"]) == (2, "listing_id", "missing value")
    options = ("--explode", "items", "--max-bad-rate", "0.3", "--check")
    report = json.loads(etsyml("-w", tmp_path, "ingest", "impressions", file, *options).out)
    assert "--explode items" in report["command"]
    assert report["config"]["map"] == {
        "listing_id": "items.id", "clicked": "items.clicked", "position": "items.#", "created_at": "ts", "query": "q",
        "session_id": "session",
    }  # fmt: skip
    assert report["rejected"] == {"missing value": 1}
    limited = etsyml(*arguments, "--limit", "1", "--replace")
    assert "1 row (1 read" in limited.err or "1 rows (1 read" in limited.err


def test_duplicates_in_a_list_are_rejected_with_their_line(etsyml, tmp_path):
    rows = [{"shop_id": "s", "of": [{"id": 1, "t": "A"}, {"id": 2, "t": "B"}]}, {"of": [{"id": 2, "t": "C"}]}]
    file = lines_file(tmp_path / "x.jsonl", rows)
    columns = maps(listing_id="of.id", title="of.t")
    ended = etsyml(
        "-w", tmp_path / "w", "ingest", "listings", file, "--explode", "of", *columns, "--max-bad-rate", "0.5"
    )
    assert ended.code == 0, ended.err
    reject = json.loads((tmp_path / "w/tables/listings.rejects.jsonl").read_text())
    assert (reject["line"], reject["reason"], json.loads(reject["raw"])) == (2, "duplicate id", rows[1])


def test_opensearch_ubi_queries_and_events_become_searches(etsyml, tmp_path):
    """The fields of the query index and the event index of OpenSearch's User Behavior Insights."""
    common = {"application": "shop", "client_id": "c1", "user_query": "mug", "query_id": "q1"}
    queries = [
        common
        | {"query_response_id": "r1", "query_response_hit_ids": ["A", "B", "C"], "timestamp": "2024-05-01T10:00Z"}
    ]
    events = [
        common
        | {
            "action_name": "click",
            "timestamp": "2024-05-01T10:00:09Z",
            "event_attributes": {"object": {"object_id": "B"}, "position": {"ordinal": 2}},
        }
    ]
    columns = maps(
        search_id="query_id", query="user_query", user_id="client_id", created_at="timestamp",
        listing_id="query_response_hit_ids,event_attributes.object.object_id",
        position="query_response_hit_ids.#,event_attributes.position.ordinal", event="action_name,=impression",
    )  # fmt: skip
    files = [lines_file(tmp_path / "queries.jsonl", queries), lines_file(tmp_path / "events.jsonl", events)]
    ended = etsyml("-w", tmp_path, "ingest", "searches", *files, "--explode", "query_response_hit_ids", *columns)
    assert ended.code == 0, ended.err
    names = ("search_id", "listing_id", "position", "event")
    assert [tuple(row[name] for name in names) for row in table(tmp_path, "searches")] == [
        ("q1", "A", 1, "impression"), ("q1", "B", 2, "click"), ("q1", "C", 3, "impression"),
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ['"a|b|c"', '"a, b,c"', '"[""a"", ""b"", ""c""]"'])
def test_lists_in_cells_of_csv_are_exploded(etsyml, tmp_path, cell):
    (tmp_path / "x.csv").write_text(f"user_id,basket\nu1,{cell}\nu2,d\n")
    columns = maps(listing_id="basket")
    ended = etsyml("-w", tmp_path, "ingest", "favorites", tmp_path / "x.csv", "--explode", "basket", *columns)
    assert ended.code == 0, ended.err
    rows = [(row["user_id"], row["listing_id"]) for row in table(tmp_path, "favorites")]
    assert rows == [("u1", "a"), ("u1", "b"), ("u1", "c"), ("u2", "d")]


@pytest.mark.parametrize(
    ("column", "message", "hint"),
    [
        ("itms", "x.jsonl has no column 'itms'", "Did you mean 'items'?"),
        ("items.id.x", "no lists in the first rows", "Did you mean 'items'?"),
        ("ts", "no lists in the first rows", "Choose from: items."),
    ],
)
def test_a_column_without_lists_cannot_be_exploded(etsyml, tmp_path, column, message, hint):
    file = lines_file(tmp_path / "x.jsonl", SESSIONS)
    ended = etsyml("-w", tmp_path, "ingest", "impressions", file, "--explode", column)
    assert (ended.code, ended.err) == (2, f"error: --explode {column}: {message}\n  {hint}\n")


def test_python_s_nan_is_an_empty_value(etsyml, tmp_path):
    rows = [{"listing_id": f"L{i}", "title": "NaN" if i else "Infinity", "price": float("nan")} for i in range(9)]
    file = lines_file(tmp_path / "x.jsonl", rows)
    assert etsyml("-w", tmp_path, "ingest", "listings", file).code == 0
    assert [row["price"] for row in table(tmp_path, "listings")] == [None] * 9
    lines_file(file, [row | {"title": "Mug", "weight": float("-inf"), "user_id": 1} for row in rows])
    ended = etsyml("-w", tmp_path, "ingest", "favorites", file)
    assert "not a finite number" in ended.err
    assert "not JSON" not in ended.err
