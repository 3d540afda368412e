"""Repeated rows: one table and one set of counts for every order of the rows, as a slow reference gives them."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.schema import EVENTS, table_schema
from etsyml_cli.io.tables import read_table, rejects_path

Row = dict[str, Any]


def optional(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


IDS, TEXTS = st.sampled_from("ab"), st.sampled_from(["mug", "Mug", "vase", "é"])
TIMES = st.integers(1, 3).map(lambda day: f"2014-05-0{day}T00:00:00+00:00")
WEIGHTS = st.sampled_from([0.1, 0.2, 0.3, 1e16, -1e16, 7.0])  # their sum in floating point depends on the order
COLUMNS: dict[str, dict[str, st.SearchStrategy]] = {
    "favorites": {
        "user_id": IDS, "listing_id": IDS, "created_at": optional(TIMES), "weight": optional(WEIGHTS),
        "session_id": optional(IDS),
    },
    "searches": {
        "search_id": IDS, "query": TEXTS, "listing_id": IDS, "position": st.integers(1, 3),
        "event": st.sampled_from(EVENTS), "user_id": optional(IDS), "created_at": optional(TIMES),
    },
    "listings": {
        "listing_id": IDS, "title": TEXTS, "tags": optional(st.lists(TEXTS, min_size=1, max_size=2)),
        "price": optional(st.integers(0, 2).map(float)), "created_at": optional(TIMES),
    },
    "impressions": {
        "created_at": TIMES, "listing_id": IDS, "clicked": st.integers(0, 1), "impression_id": optional(IDS),
        "row": TEXTS, "Row": TEXTS, "file_row_number": optional(TEXTS),
    },
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[Row], list[list[Row]]]:
    """A table's name, rows, and the same rows in another order over several files."""
    table = draw(st.sampled_from(sorted(COLUMNS)))
    rows = draw(st.lists(st.fixed_dictionaries(COLUMNS[table]), min_size=1, max_size=20))
    rows += draw(st.lists(st.sampled_from(rows), max_size=5))
    shuffled = draw(st.permutations(rows))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    parts = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    return table, rows, [part for part in parts if part]


def smallest(values: list[Any]) -> Any:
    return min((value for value in values if value is not None), default=None)


def largest(values: list[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def strongest(values: list[str]) -> str:
    return max(values, key=EVENTS.index)


def total(values: list[float | None]) -> float | None:
    numbers = sorted(value for value in values if value is not None)
    return reduce(float.__add__, numbers) if numbers else None


def reference(table: str, rows: list[Row], merge_weights: str) -> tuple[list[Row], Counter[str]]:
    """The rows of the table and the counts of merged and rejected rows."""
    groups = defaultdict(list)
    for number, row in enumerate(rows):
        key = tuple(row[name] for name in table_schema(table).key)
        groups[(number,) if None in key else key].append(row)
    counts: Counter[str] = Counter(merged=0, rejected=0)
    out = []
    for group in groups.values():
        if table in ("favorites", "searches"):
            rules = {"event": strongest}
            if table == "favorites":
                rules = {"created_at": largest, "weight": largest if merge_weights == "max" else total}
            out.append({name: rules.get(name, smallest)([row[name] for row in group]) for name in group[0]})
            counts["merged"] += len(group) - 1
        else:
            best = min(group, key=preference)
            out.append(best)
            counts["merged"] += group.count(best) - 1
            counts["rejected"] += len(group) - group.count(best)
    return out, counts


def preference(row: Row) -> Any:
    time = row["created_at"]
    age = -datetime.fromisoformat(time).timestamp() if time else math.inf
    others = sorted(set(row) - set(COLUMNS["listings"]) - {"impression_id", "clicked"})  # columns of no table
    names = sorted(row, key=lambda name: f"other {others.index(name)}" if name in others else name)
    return age, [(row[name] is None, as_sorted(row[name])) for name in names]


def as_sorted(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, list):
        return [text.encode() for text in value]
    return value.encode() if isinstance(value, str) else value


def ingested(table: str, parts: list[list[Row]], folder: Path, merge_weights: str) -> tuple[list[Row], dict[str, int]]:
    paths = []
    for number, rows in enumerate(parts):
        path = folder / f"{number}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths.append(str(path))
    config = IngestConfig(max_bad_rate=1, merge_weights=merge_weights)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_files, "CHUNK_BYTES", 300)
        summary = ingest(table, paths, out=folder / "out.parquet", config=config, force=True, may_shrink=True)
    assert len(rejects_path(folder / "out.parquet").read_text().splitlines()) == summary.rows["rejected"]
    rows = read_table(folder / "out.parquet", table, list(COLUMNS[table])).to_pylist()
    for row in rows:
        if row.get("created_at"):
            row["created_at"] = row["created_at"].isoformat()
    return rows, summary.rows


def in_order(rows: list[Row]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@settings(deadline=None, max_examples=60)
@given(drawn=tables(), merge_weights=st.sampled_from(["max", "sum"]))
def test_the_table_and_the_counts_do_not_depend_on_the_order_of_rows_and_files(tmp_path_factory, drawn, merge_weights):
    table, rows, parts = drawn
    expected, counts = reference(table, rows, merge_weights)
    for number, given_parts in enumerate(([rows], parts)):
        got, got_counts = ingested(table, given_parts, tmp_path_factory.mktemp(f"order{number}"), merge_weights)
        assert in_order(got) == in_order(expected)
        assert got_counts == {"in": len(rows), "out": len(expected), **counts}


def test_a_missing_value_is_filled_and_the_latest_time_and_largest_weight_are_kept(tmp_path):
    rows = [
        {"user_id": "u", "listing_id": "a", "created_at": None, "weight": None},
        {"user_id": "u", "listing_id": "a", "created_at": "2020-01-01T00:00:00Z", "weight": 1},
        {"user_id": "u", "listing_id": "b", "created_at": "2020-03-01T00:00:00Z", "weight": 1},
        {"user_id": "u", "listing_id": "b", "created_at": "2020-01-01T00:00:00Z", "weight": 5},
    ]
    kept = [("a", "2020-01-01", 1.0), ("b", "2020-03-01", 5.0)]
    for order in (rows, rows[::-1]):
        got, _ = ingested("favorites", [order], tmp_path, "max")
        assert sorted((row["listing_id"], row["created_at"][:10], row["weight"]) for row in got) == kept
    got, _ = ingested("favorites", [rows], tmp_path, "sum")
    assert [row["weight"] for row in got] == [1.0, 6.0]


def test_the_latest_version_of_a_listing_is_kept_and_the_others_are_rejected_with_their_line(tmp_path):
    rows = [
        {"listing_id": "L", "title": "Mug", "created_at": "2020-01-01T00:00:00Z"},
        {"listing_id": "L", "title": "Mug, new", "created_at": "2020-01-02T00:00:00Z"},
        {"listing_id": "L", "title": "Mug, new", "created_at": "2020-01-02T00:00:00Z"},
    ]
    got, counts = ingested("listings", [rows], tmp_path, "max")
    assert [row["title"] for row in got] == ["Mug, new"]
    assert counts == {"in": 3, "out": 1, "merged": 1, "rejected": 1}
    (reject,) = map(json.loads, rejects_path(tmp_path / "out.parquet").read_text().splitlines())
    assert (reject["line"], reject["reason"], json.loads(reject["raw"])) == (1, "duplicate id", rows[0])
