"""Paths into objects and exploded lists agree with plain loops over the rows, in every format and block size."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etsyml_cli.ingest.formats import arrow, explode
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.formats.cells import Note
from etsyml_cli.ingest.formats.csv_options import CsvOptions
from etsyml_cli.ingest.formats.files import Header, InputFile, detect_format
from etsyml_cli.ingest.formats.formats import RawTexts, read_blocks, read_header
from etsyml_cli.ingest.formats.paths import has_path, paths_in, place_of, value_at, values_of
from etsyml_cli.ingest.formats.selection import exploded

SCALARS = st.none() | st.integers(-9, 9) | st.text("ab é", max_size=3) | st.booleans()
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries({}, optional={"x": NESTED, "y": SCALARS, "z": NESTED})
ITEMS = st.none() | st.lists(st.none() | OBJECTS | SCALARS, max_size=4) | OBJECTS
JSON_ROWS = st.lists(st.fixed_dictionaries({"id": SCALARS}, optional={"items": ITEMS, "in": NESTED}), max_size=8)
# a schema that Arrow can hold
TYPED_ROWS = st.lists(
    st.fixed_dictionaries({
        "id": st.none() | st.integers(0, 9),
        "items": st.none() | st.lists(st.none() | st.fixed_dictionaries({
            "x": st.none() | st.text("ab é", max_size=3),
            "y": st.none() | st.lists(st.integers(0, 9), max_size=2),
        }), max_size=4),
        "in": st.none() | st.fixed_dictionaries({"items": st.none() | st.lists(st.integers(0, 9), max_size=3)}),
    }),
    min_size=1,
    max_size=8,
)  # fmt: skip
ARROW_SCHEMA = pa.schema({
    "id": pa.int64(),
    "items": pa.list_(pa.struct({"x": pa.string(), "y": pa.list_(pa.int64())})),
    "in": pa.struct({"items": pa.list_(pa.int64())}),
})  # fmt: skip


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> InputFile:
    path = folder / f"x.{kind}"
    match kind:
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case "csv":
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                names = ["id", "items", "in"]
                writer.writerow(names)
                writer.writerows(
                    [None if row[name] is None else json.dumps(row[name]) for name in names] for row in rows
                )
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows, ARROW_SCHEMA), path, row_group_size=3)
        case _:
            feather.write_feather(pa.Table.from_pylist(rows, ARROW_SCHEMA), str(path), chunksize=3)
    return detect_format(path, path.name, CsvOptions())


def read(file: InputFile, header: Header, columns: list[str]) -> tuple[list[tuple], list[int], list[int]]:
    """The rows, their lines, and the exploded lines."""
    rows, lines, notes = [], [], []
    for block in read_blocks(file, header, columns):
        rows += zip(*(values_of(block.columns[name]) for name in columns), strict=True)
        lines += block.lines.tolist()
        notes += block.notes.get(Note.EXPLODED, [])
    return rows, lines, notes


def loop(rows: list[dict], at: list[str], keys: list[list[str]]) -> tuple[list[tuple], list[int], list[int]]:
    """The reference: `id`, the position, the element, and what is at each of the keys in it."""
    found, lines, notes = [], [], []
    for line, row in enumerate(rows, 1):
        elements = slow_value(row, at)
        if isinstance(elements, str):
            elements = [part.strip() for part in elements.split(",") if part.strip()]
        elements = elements if isinstance(elements, list) else [] if elements is None else [elements]
        notes += [line] * bool(elements)
        for position, element in enumerate(elements, 1) if elements else [(None, None)]:
            found.append((row.get("id"), position, element, *(slow_value(element, one) for one in keys)))
            lines.append(line)
    return found, lines, notes


def slow_value(value: Any, keys: list[str]) -> Any:
    if not keys:
        return value
    if isinstance(value, dict):
        return slow_value(value.get(keys[0]), keys[1:])
    if isinstance(value, list) and keys[0].isdecimal():
        return slow_value(value[int(keys[0])], keys[1:]) if int(keys[0]) < len(value) else None
    if isinstance(value, list):
        return [found for one in value if (found := slow_value(one, keys)) is not None] or None
    return None


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(rows=JSON_ROWS, chunk=st.integers(1, 80), size=st.integers(1, 5))
def test_exploded_json_agrees_with_a_loop(tmp_path_factory, rows, chunk, size):
    rows = [{"id": 0, "items": [], "in": {}}, *rows]
    file = write(tmp_path_factory.mktemp("x"), "jsonl", rows)
    with pytest.MonkeyPatch.context() as patch:
        header = exploded(read_header(file), "items")
        patch.setattr(input_files, "CHUNK_BYTES", chunk)
        patch.setattr(explode, "MAX_ROWS", size)
        names = ["id", "items.#", "items", "items.x", "items.z.y", "items.z.0.x"]
        assert read(file, header, names) == loop(rows, ["items"], [["x"], ["z", "y"], ["z", "0", "x"]])
        header = exploded(read_header(file), "in.x")
        names = ["id", "in.x.#", "in.x", "in.x.y"]
        assert read(file, header, names) == loop(rows, ["in", "x"], [["y"]])


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "jsonl"])
@given(rows=TYPED_ROWS, size=st.integers(1, 5))
def test_every_format_explodes_alike(tmp_path_factory, kind, rows, size):
    file = write(tmp_path_factory.mktemp("x"), kind, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explode, "MAX_ROWS", size)
        patch.setattr(arrow, "MAX_BLOCK_ROWS", 4)
        for at, names, keys in (
            (["items"], ["items.x", "items.y", "items.y.0"], [["x"], ["y"], ["y", "0"]]),
            (["in", "items"], [], []),
        ):
            column = ".".join(at)
            header = exploded(read_header(file), column)
            columns = ["id", f"{column}.#", column, *names]
            got, lines, notes = read(file, header, columns)
            if kind == "csv":
                got = [(int(one[0]) if one[0] else None, *one[1:]) for one in got]
                lines, notes = [line - 1 for line in lines], [line - 1 for line in notes]  # the header is line 1
            assert (got, lines, notes) == loop(rows, at, keys)


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "jsonl"])
@given(rows=TYPED_ROWS)
def test_paths_agree_with_a_loop(tmp_path_factory, kind, rows):
    file = write(tmp_path_factory.mktemp("x"), kind, rows)
    names = ["in.items", "in.items.1", "items.x", "items.0.x", "items.0.y.0"]
    got, _, _ = read(file, read_header(file), names)
    assert got == [tuple(slow_value(row, name.split(".")) for name in names) for row in rows]


@given(value=NESTED)
def test_each_value_is_on_a_path_and_each_path_leads_to_a_value(value):
    paths = paths_in("c", [value])
    for path in paths:
        assert has_path(path, paths)
        assert has_key(value, path.split(".")[1:])
    assert (not paths) == (not has_object(value))


def has_key(value: Any, keys: list[str]) -> bool:
    if not keys:
        return True
    if isinstance(value, list):
        return any(has_key(one, keys) for one in value)
    return isinstance(value, dict) and keys[0] in value and has_key(value[keys[0]], keys[1:])


def has_object(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(has_object, value))
    return isinstance(value, dict) and bool(value)


def test_the_column_with_the_longest_name_wins(tmp_path):
    rows = [{"a": {"b": {"c": 1}}, "a.b": {"c": 2}, "a.b.d": 3}]
    (tmp_path / "x.jsonl").write_text(json.dumps(rows[0]))
    file = detect_format(tmp_path / "x.jsonl", "x", CsvOptions())
    names = ["a.b.c", "a.b.d", "a.b"]
    assert read(file, read_header(file), names)[0] == [(2, 3, {"c": 2})]
    assert place_of("b.c", ["a"]) is None


def test_a_json_text_is_read_as_json():
    assert value_at('{"a": [1, {"b": 2}]}', ["a", "1", "b"]) == 2
    assert value_at('{"a": not json', ["a"]) is None
    assert value_at("text", ["a"]) is None


def test_a_map_of_arrow_is_an_object(tmp_path):
    column = pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64()))
    pq.write_table(pa.table({"m": column}), tmp_path / "x.parquet")
    file = detect_format(tmp_path / "x.parquet", "x", CsvOptions())
    assert read_header(file).nested == {"m"}
    assert read(file, read_header(file), ["m.k"])[0] == [(1,), (None,), (None,)]


@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=6), n=st.integers(1, 12), size=st.integers(1, 4))
def test_the_first_rows_of_exploded_blocks_may_cut_a_line(tmp_path_factory, sizes, n, size):
    path = tmp_path_factory.mktemp("x") / "x.jsonl"
    lines = [json.dumps({"i": list(range(k))}) if k else "broken" for k in sizes]
    path.write_text('{"i": [7]}\n' + "\n".join(lines))
    file = detect_format(path, "x", CsvOptions())
    expected = [(1, 7)] + [(line, i) for line, k in enumerate(sizes, 2) for i in (range(k) if k else [None])]
    got = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explode, "MAX_ROWS", size)
        left = n
        for block in read_blocks(file, exploded(read_header(file), "i"), ["i"]):
            part = block.head(left)
            left -= part.n_rows
            here = [(int(line), value) for line, value in zip(part.lines, values_of(part.columns["i"]), strict=True)]
            got += sorted(here + [(one.line, None) for one in part.unreadable], key=lambda row: row[0])
            if not left:
                break
    assert got == expected[:n]


def test_raw_texts_of_exploded_rows_are_those_of_their_line(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"i":[1,2]}\n{"i":[]}\n{"i":[3,4]}\n')
    file = detect_format(tmp_path / "x.jsonl", "x", CsvOptions())
    header = exploded(read_header(file), "i")
    block = next(read_blocks(file, header, ["i"]))
    assert [block.raw(i) for i in range(5)] == [b'{"i":[1,2]}'] * 2 + [b'{"i":[]}'] + [b'{"i":[3,4]}'] * 2
    texts = RawTexts([(file, header)], ["i", "i.#"])
    assert [texts.at(0, line) for line in (1, 1, 3)] == [b'{"i":[1,2]}', b'{"i":[1,2]}', b'{"i":[3,4]}']


def test_a_long_text_beside_a_long_list_is_cut_into_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(explode, "MAX_TEXT_BYTES", 10_000)
    (tmp_path / "x.jsonl").write_text(json.dumps({"title": "x" * 1_000, "i": list(range(100))}))
    file = detect_format(tmp_path / "x.jsonl", "x", CsvOptions())
    blocks = list(read_blocks(file, exploded(read_header(file), "i"), ["title", "i"]))
    assert [len(block.lines) for block in blocks] == [10] * 10
