"""`--preset` for event logs with objects in objects, and for files without a header."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Etsyml


def event(action: str, query_id: str, item: str, ordinal: int, **more: object) -> dict:
    return {
        "application": "shop", "action_name": action, "query_id": query_id, "client_id": "c1", "session_id": "s1",
        "timestamp": "2024-06-01T10:00:00.000Z", "message_type": None, "user_query": "mug",
        "event_attributes": {
            "object": {"object_id": item, "object_id_field": "sku"}, "position": {"ordinal": ordinal}
        },
        **more,
    }  # fmt: skip


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "ubi_events.jsonl"
    exit_ = {**event("page_exit", "q1", "", 0), "event_attributes": {"object": {}, "position": {}}}
    rows = [
        event("impression", "q1", "a", 1), event("impression", "q1", "b", 2), event("item_click", "q1", "b", 2),
        exit_, event("add_to_cart", "q1", "b", 2), event("purchase", "q1", "b", 2), event("watch", "q2", "c", 1),
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(workspace: Path, table: str) -> list[dict]:
    return pq.read_table(workspace / f"tables/{table}.parquet").to_pylist()


def test_events_of_opensearch_become_searches(events, tmp_path, etsyml: Etsyml):
    ended = etsyml("-w", tmp_path, "ingest", "searches", events, "--preset", "opensearch-ubi")
    assert ended.code == 0, ended.err
    assert "7 read" in ended.err
    assert "1 excluded" in ended.err
    rows = {(row["search_id"], row["listing_id"]): row for row in read(tmp_path, "searches")}
    found = {key: (row["query"], row["position"], row["event"], row["user_id"]) for key, row in rows.items()}
    assert found == {
        ("q1", "a"): ("mug", 1, "impression", "c1"),
        ("q1", "b"): ("mug", 2, "purchase", "c1"),
        ("q2", "c"): ("mug", 1, "click", "c1"),
    }


def test_events_of_opensearch_become_favorites(events, tmp_path, etsyml: Etsyml):
    ended = etsyml("-w", tmp_path, "ingest", "favorites", events, "--preset", "opensearch-ubi")
    assert ended.code == 0, ended.err
    rows = read(tmp_path, "favorites")
    assert {(row["user_id"], row["listing_id"], row["weight"]) for row in rows} == {("c1", "b", 3.0), ("c1", "c", 1.0)}


def test_events_without_query_text_are_refused_by_name(events, tmp_path, etsyml: Etsyml):
    events.write_text(events.read_text().replace('"user_query"', '"other"'))
    ended = etsyml("-w", tmp_path, "ingest", "searches", events, "--preset", "opensearch-ubi")
    assert ended.code == 3
    assert "preset opensearch-ubi: no column 'user_query' for the required query" in ended.err


def test_check_recognizes_events_of_opensearch(events, tmp_path, etsyml: Etsyml):
    report = json.loads(etsyml("-w", tmp_path, "ingest", "searches", events, "--check", "--json").out)
    assert (report["preset"], report["problem"]) == ("opensearch-ubi", None)
    assert report["command"].endswith("--preset opensearch-ubi")


@pytest.mark.parametrize(
    ("name", "table", "text", "expected"),
    [
        ("movielens-1m", "favorites", "1::1193::5::978300760\n1::661::3::978302109\n", ["1193", "661"]),
        ("movielens-100k", "favorites", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n", ["242", "302"]),
        ("movielens-1m", "listings", "1::Toy Story (1995)::Animation|Comedy\n2::Les Misérables::Drama\n", ["1", "2"]),
        ("movielens-100k", "listings", f'1|Toy "Story|01-Jan-1995||http://x|{"|".join("01" * 9)}|0\n', ["1"]),
    ],
)
def test_movielens_files_without_a_header(tmp_path, etsyml: Etsyml, name, table, text, expected):
    file = tmp_path / "file.dat"
    file.write_text(text, encoding="latin-1")
    ended = etsyml("-w", tmp_path, "ingest", table, file, "--preset", name)
    assert ended.code == 0, ended.err
    rows = read(tmp_path, table)
    assert [row["listing_id"] for row in rows] == expected
    if table == "favorites":
        assert {row["created_at"].year for row in rows} <= {1997, 1998, 2000}
    elif len(rows) == 2:
        assert rows[1]["title"] == "Les Misérables"
