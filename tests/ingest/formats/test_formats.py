"""Input files: rows and their line numbers in every format, independent of block boundaries."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.formats.cells import Note
from etsyml_cli.ingest.formats.csv_options import csv_options
from etsyml_cli.ingest.formats.files import InputFile, detect_format, find_files
from etsyml_cli.ingest.formats.formats import RawTexts, read_blocks, read_header
from etsyml_cli.io.rejects import Reason


def detect(path: Path, delimiter: str | None = None) -> InputFile:
    return detect_format(path, path.name, csv_options(IngestConfig(delimiter=delimiter)))


def write_file(folder: Path, name: str, content: str | bytes) -> InputFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return detect(path)


def rows_of(file: InputFile) -> tuple[list[dict], list[int], list[tuple[int, Reason]]]:
    """Rows, their first lines, and line and reason of each unreadable row."""
    header = read_header(file)
    rows, lines, unreadable = [], [], []
    for block in read_blocks(file, header, header.names):
        columns = {
            name: [cells.other_types.get(i, value) for i, value in enumerate(cells.array.to_pylist())]
            for name, cells in block.columns.items()
        }
        rows += [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        lines += block.lines.tolist()
        unreadable += [(row.line, row.reason) for row in block.unreadable]
    return rows, lines, unreadable


FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
TRICKY = st.sampled_from(["", '"', ",", "\t", "\n", "\r\n", 'a"b', '"a', "a,b", " x ", "é", "\u2028", "\ufeff"])
ROWS = st.lists(st.tuples(FIELDS | TRICKY, FIELDS | TRICKY), min_size=1, max_size=12)


@settings(deadline=None)
@given(
    rows=ROWS, chunk=st.integers(1, 40), delimiter=st.sampled_from([",", "\t"]), ending=st.sampled_from(["\n", "\r\n"])
)
def test_csv_round_trips_with_any_chunk_size(tmp_path_factory, rows, chunk, delimiter, ending):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second"])
    starts = []
    for row in rows:
        starts.append(len(io.StringIO(text.getvalue(), newline="").readlines()) + 1)
        writer.writerow(row)
    file = write_file(tmp_path_factory.mktemp("csv"), "x.csv" if delimiter == "," else "x.tsv", text.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_files, "CHUNK_BYTES", chunk)
        got, lines, unreadable = rows_of(file)
    assert [tuple(row.values()) for row in got] == rows
    assert lines == starts
    assert unreadable == []


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | FIELDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=4,
)
ONLY_PYTHON_ACCEPTS = ('{"a":"\\ud800"}', '{"a":"\udc80"}')  # but not valid JSON
NOT_FINITE = ('{"a":NaN}', '{"a":[-Infinity,{"NaN":NaN}],"b":"NaN \\" Infinity"}', '{"a":Infinity,"late":NaN}')
JSON_LINES = st.one_of(
    st.fixed_dictionaries({}, optional={"a": JSON_VALUES, "b": JSON_VALUES, "late": JSON_VALUES}).map(json.dumps),
    st.sampled_from(
        ["", "  ", "5", "[1]", "{", "}", '{"a":1}{"a":2}', '{"a":1} ', '{"a"', '{"b":{', '{"a":1,"a":2}', "null"]
    ),
    st.sampled_from(ONLY_PYTHON_ACCEPTS + NOT_FINITE),
)


def loads_or_none(line):
    """The value, NaN being null and infinite numbers texts."""
    try:
        return json.loads(line, parse_constant=lambda name: None if name == "NaN" else name)
    except ValueError:
        return None


@settings(deadline=None)
@given(lines=st.lists(JSON_LINES, max_size=10), chunk=st.integers(1, 60), ending=st.sampled_from(["\n", "\r\n"]))
def test_json_lines_agree_with_json_loads(tmp_path_factory, lines, chunk, ending):
    lines = ['{"a": 0, "b": 0}', *lines]
    content = ending.join(lines).encode("utf-8", "surrogateescape")
    file = write_file(tmp_path_factory.mktemp("jsonl"), "x.jsonl", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_files, "CHUNK_BYTES", chunk)
        got, numbers, unreadable = rows_with_columns(file, ("a", "b"))
    expected = {}
    for number, line in enumerate(lines, 1):
        value = None if line in ONLY_PYTHON_ACCEPTS else loads_or_none(line)
        if isinstance(value, dict):
            expected[number] = {"a": value.get("a"), "b": value.get("b")}
    assert dict(zip(numbers, got, strict=True)) == expected
    expected_unreadable = {number for number, line in enumerate(lines, 1) if line.strip()} - set(expected)
    assert {line for line, _ in unreadable} == expected_unreadable


def rows_with_columns(
    file: InputFile, names: tuple[str, ...]
) -> tuple[list[dict], list[int], list[tuple[int, Reason]]]:
    header = input_files.Header(names)
    rows, lines, unreadable = [], [], []
    for block in read_blocks(file, header, names):
        for i, line in enumerate(block.lines.tolist()):
            values = {name: cells.other_types.get(i, cells.array[i].as_py()) for name, cells in block.columns.items()}
            rows.append(values)
            lines.append(line)
        unreadable += [(row.line, row.reason) for row in block.unreadable]
    return rows, lines, unreadable


def test_line_numbers_after_quoted_newlines(tmp_path):
    file = write_file(
        tmp_path, "x.csv", 'id,title\r\n1,"two\r\nlines"\r\n\r\n2,plain\r\n3,"a ""quoted"" word"\r\n4\r\n'
    )
    rows, lines, unreadable = rows_of(file)
    assert lines == [2, 5, 6]
    assert [row["title"] for row in rows] == ["two\r\nlines", "plain", 'a "quoted" word']
    assert unreadable == [(7, Reason.FIELD_COUNT)]


def test_an_unclosed_quote_is_text_if_its_line_is_a_row_and_else_rejects_it(tmp_path):
    file = write_file(tmp_path, "x.csv", 'id,title\n1,"open\n2,plain\n3,"open, plain\n4,plain\n')
    rows, lines, unreadable = rows_of(file)
    assert unreadable == [(4, Reason.UNCLOSED_QUOTE)]
    assert lines == [2, 3, 5]
    assert [row["title"] for row in rows] == ['"open', "plain", "plain"]


WORDS = st.text("ab ", min_size=1, max_size=4).map(lambda word: f"x{word}x")


@settings(deadline=None)
@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=2, max_size=8), stray=st.data(), chunk=st.integers(1, 40))
def test_a_stray_quote_changes_only_its_line(tmp_path_factory, rows, stray, chunk):
    bad = stray.draw(st.integers(0, len(rows) - 1))
    lines = [f'"{a}","{b}"\n' if i != bad else f'{a},"{b}\n' for i, (a, b) in enumerate(rows)]
    file = write_file(tmp_path_factory.mktemp("csv"), "x.csv", "a,b\n" + "".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_files, "CHUNK_BYTES", chunk)
        got, numbers, unreadable = rows_of(file)
    assert unreadable == []
    assert numbers == [i + 2 for i in range(len(rows))]
    expected = [(a, f'"{b}') if i == bad else (a, b) for i, (a, b) in enumerate(rows)]
    assert [tuple(row.values()) for row in got] == expected


def test_text_after_a_quoted_word_is_accepted_on_one_line(tmp_path):
    file = write_file(tmp_path, "x.csv", 'id,title\n1,"big" mug\n2,"two\nlines"\n')
    assert [row["title"] for row in rows_of(file)[0]] == ["big mug", "two\nlines"]


def test_a_field_above_128_kib_rejects_one_line(tmp_path):
    file = write_file(tmp_path, "x.csv", f"id,title\n1,{'x' * 200_000}\n2,plain\n")
    assert rows_of(file)[1:] == ([3], [(2, Reason.UNCLOSED_QUOTE)])


def test_one_trailing_empty_field_is_dropped_and_counted(tmp_path):
    file = write_file(tmp_path, "x.csv", "a,b\n1,2,\n3,4\n5,6,7\n8,9,,\n")
    header = read_header(file)
    (block,) = read_blocks(file, header, header.names)
    assert block.lines.tolist() == [2, 3]
    assert block.notes == {Note.TRAILING_EMPTY_FIELD: [2]}
    assert [(row.line, row.reason, row.raw) for row in block.unreadable] == [
        (4, Reason.FIELD_COUNT, b"5,6,7\n"),
        (5, Reason.FIELD_COUNT, b"8,9,,\n"),
    ]


def test_bytes_that_are_not_utf8_reject_their_row(tmp_path):
    csv_file = write_file(tmp_path, "x.csv", b"a,b\n1,\xff\n2,\xc3\xa9\n")
    assert rows_of(csv_file) == ([{"a": "2", "b": "é"}], [3], [(2, Reason.NOT_UTF8)])
    json_file = write_file(tmp_path, "x.jsonl", b'{"a":"\xff"}\n{"a":"\xc3\xa9"}\n')
    assert rows_of(json_file) == ([{"a": "é"}], [2], [(1, Reason.NOT_UTF8)])


def test_invalid_json_is_rejected_with_its_reason(tmp_path):
    lines = [
        '{"a":1}',
        "{",
        "[1]",
        '{"a":NaN}',
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        f'{{"a":"{"x" * 10_000}"}}',
    ]
    rows, numbers, unreadable = rows_of(write_file(tmp_path, "x.jsonl", "\n".join(lines)))
    assert numbers == [1, 4, 6]
    assert rows[1]["a"] is None
    assert len(rows[2]["a"]) == 10_000
    assert unreadable == [(2, Reason.NOT_JSON), (3, Reason.NOT_AN_OBJECT), (5, Reason.NOT_JSON)]


def test_keys_that_are_not_in_the_header_are_reported(tmp_path):
    file = write_file(tmp_path, "x.jsonl", '{"a":1}\n{"a":2,"b":3}\n')
    blocks = list(read_blocks(file, input_files.Header(("a",)), ["a"]))
    assert blocks[-1].new_keys == ("b",)
    assert blocks[0].lines.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "header"),
    [
        ("x.csv", "a,b\n", ("a", "b")),
        ("x.csv", "a;b\n", ("a", "b")),
        ("x.csv", "\ufeffa,b\n", ("a", "b")),
        ("x.tsv", "a,x\tb\n", ("a,x", "b")),
        ("x.log", "a|b\n", ("a", "b")),
        ("x.csv", ",a\n", ("column_1", "a")),
        ("x.inter", "user_id:token\trating:float\n", ("user_id", "rating")),
        ("x.csv", "ratio:float,b\n", ("ratio:float", "b")),
        ("noname", '{"a":1}\n{"b":1}\n', ("a", "b")),
    ],
)
def test_headers(tmp_path, name, content, header):
    assert read_header(write_file(tmp_path, name, content)).names == header


def test_recbole_lists_are_separated_by_spaces(tmp_path):
    file = write_file(tmp_path, "x.item", "item_id:token\tclass:token_seq\n1\tA B\n")
    assert read_header(file).space_separated == {"class"}


def test_gzip_is_detected_from_its_bytes(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert rows_of(detect(path))[0] == [{"a": "1", "b": "2"}]
    plain = tmp_path / "y.csv.gz"
    plain.write_bytes(b"a,b\n1,2\n")
    assert rows_of(detect(plain))[0] == [{"a": "1", "b": "2"}]


def test_a_truncated_gzip_file_is_an_input_error(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 100)[:-20])
    with pytest.raises(InputError, match="damaged gzip"):
        detect(path)
        rows_of(detect(path))


def test_parquet_keeps_types_and_its_raw_text_is_json(tmp_path):
    table = pa.table({"id": pa.array(["a", "b"]).dictionary_encode(), "tags": [["x"], None], "n": [1.5, 2.0]})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=1)
    file = detect(tmp_path / "x.parquet")
    assert rows_of(file) == (table.to_pylist(), [1, 2], [])
    raw = RawTexts([(file, read_header(file))], ["id", "n"])
    assert json.loads(raw.at(0, 2)) == {"id": "b", "n": 2.0}


def test_raw_texts_by_file_and_line(tmp_path, monkeypatch):
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 16)
    one = write_file(tmp_path, "x.csv", 'a,b\n1,"two\nlines"\n3,4\n')
    two = write_file(tmp_path, "x.jsonl", '{"a":1}\n\n{"a":"long enough to fill"}\n{"a":3}\n')
    raw = RawTexts([(file, read_header(file)) for file in (one, two)], ["a"])
    assert [raw.at(0, 2), raw.at(0, 4), raw.at(1, 1), raw.at(1, 4)] == [
        b'1,"two\nlines"\n', b"3,4\n", b'{"a":1}', b'{"a":3}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", '[{"a": 1}]', "a JSON array"),
        ("x.csv", "a,b\n1,2".encode("utf-16"), "UTF-16"),
        ("x.parquet", "PAR1 but no", "not a Parquet file"),
        ("x.csv", "a,a\n1,2\n", "duplicate column 'a' in the header"),
        ("x.csv", b"\xff,a\n1,2\n", "the header is not UTF-8"),
        ("x.jsonl", "nothing\nof the kind\n", "no JSON object"),
        ("x.parquet", gzip.compress(b"PAR1", mtime=0), "a compressed Parquet"),
    ],
)
def test_unsupported_files_are_refused(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        read_header(write_file(tmp_path, name, content))


def test_a_duplicate_parquet_column_is_refused(tmp_path):
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"x\.parquet: duplicate column 'a' in the header"):
        read_header(detect(tmp_path / "x.parquet"))


@pytest.mark.parametrize("delimiter", [":", "::", " - ", "\u2028"])
def test_a_delimiter_is_one_or_several_characters(tmp_path, delimiter):
    path = tmp_path / "x.csv"
    path.write_text(f'a{delimiter}b\n1{delimiter}"x{delimiter}y"\n')
    assert rows_of(detect(path, delimiter))[0] == [{"a": "1", "b": f"x{delimiter}y"}]


@pytest.mark.parametrize("delimiter", ["", "\n", '"', ',"'])
def test_a_delimiter_without_quotes_and_line_breaks(tmp_path, delimiter):
    with pytest.raises(UsageError, match="--delimiter"):
        detect(tmp_path / "x.csv", delimiter)


def test_a_line_that_is_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(input_files, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 64)
    with pytest.raises(DataError, match="a line is longer than 64 MiB"):
        read_header(write_file(tmp_path, "x.csv", "a" * 1000))


def test_globs_are_sorted_and_files_must_exist(tmp_path):
    for name in ("b.csv", "a.csv", "c.tsv"):
        (tmp_path / name).write_text("x\n")
    spool = tmp_path / "spool"
    assert [path.name for path in find_files([f"{tmp_path}/*.csv"], spool)] == ["a.csv", "b.csv"]
    (tmp_path / "[odd].csv").write_text("x\n")
    assert find_files([f"{tmp_path}/[odd].csv"], spool) == [tmp_path / "[odd].csv"]
    for pattern, message in (
        (f"{tmp_path}/*.gz", "no files match"),
        (str(tmp_path), "is a directory"),
        ("no", "not found"),
    ):
        with pytest.raises(InputError, match=message):
            find_files([pattern], spool)
