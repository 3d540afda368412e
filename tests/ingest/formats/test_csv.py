"""CSV: tables of several writers come back equal, and what real exports do to CSV is read or refused."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.formats.cells import Block, Note
from etsyml_cli.ingest.formats.csv_layout import compare
from etsyml_cli.ingest.formats.csv_options import csv_options
from etsyml_cli.ingest.formats.files import Header, InputFile, detect_format
from etsyml_cli.ingest.formats.formats import RawTexts, read_blocks, read_header
from etsyml_cli.io.rejects import Reason

NAMES = ("first", "second", "third")


def open_csv(folder: Path, content: str | bytes, name: str = "x.csv", **config) -> InputFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return detect_format(path, name, csv_options(IngestConfig(**config)))


def read(file: InputFile) -> tuple[Header, list[Block]]:
    header = read_header(file)
    return header, list(read_blocks(file, header, header.names))


def rows_of(file: InputFile) -> list[tuple]:
    header, blocks = read(file)
    columns = [[value for block in blocks for value in block.columns[name].array.to_pylist()] for name in header.names]
    return list(zip(*columns, strict=True))


def lines_of(file: InputFile) -> list[int]:
    return [line for block in read(file)[1] for line in block.lines.tolist()]


def notes_of(file: InputFile) -> dict[Note, list[int]]:
    notes: dict[Note, list[int]] = {}
    for block in read(file)[1]:
        for note, lines in block.notes.items():
            notes[note] = notes.get(note, []) + lines
    return notes


def unreadable_of(file: InputFile) -> list[tuple[int, Reason]]:
    return [(row.line, row.reason) for block in read(file)[1] for row in block.unreadable]


# Writers


def dialect(**options):
    def write(rows, path):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, **options)
            writer.writerows([NAMES, *rows])

    return write


def write_with_arrow(rows, path):
    arrow_csv.write_csv(pa.table([list(column) for column in zip(*rows, strict=True)], names=NAMES), path)


def write_with_duckdb(rows, path):
    with duckdb.connect() as sql:
        sql.register("t", pa.table([list(column) for column in zip(*rows, strict=True)], names=NAMES))
        sql.sql(f"COPY t TO '{path}' (HEADER)")


def write_without_quotes(rows, path):
    text = "".join("|".join(row) + "\n" for row in [NAMES, *rows])
    path.write_bytes(text.encode())


WRITERS = {
    "quotes-where-needed": (dialect(), {}),
    "all-quoted": (dialect(quoting=csv.QUOTE_ALL), {}),
    "tabs-and-single-quotes": (dialect(delimiter="\t", quotechar="'", lineterminator="\n"), {"quote": "'"}),
    "escapes": (
        dialect(delimiter=";", quoting=csv.QUOTE_NONE, escapechar="\\"),
        {"quote": None, "escape": "\\", "delimiter": ";"},
    ),
    "escaped-quotes": (dialect(doublequote=False, escapechar="\\"), {"escape": "\\"}),
    "arrow": (write_with_arrow, {}),
    "duckdb": (write_with_duckdb, {}),
    "without-quotes": (write_without_quotes, {"quote": None, "delimiter": "|"}),
}
CELLS = st.text(st.sampled_from("ab1é,;|\t'\"\\ \n#=-") | st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8)


def are_rows(row, delimiter):
    """Whether each line of the row would be a row by itself: nobody can tell then whether the quotes are meant."""
    lines = delimiter.join(row).split("\n")
    return len(lines) > 1 and all(line.count(delimiter) in (2, 3) for line in lines)


@pytest.mark.parametrize("writer", WRITERS)
@settings(deadline=None, max_examples=60)
@given(rows=TABLES, chunk=st.integers(1, 50))
def test_the_table_of_each_writer_comes_back_equal(tmp_path_factory, writer, rows, chunk):
    write, config = WRITERS[writer]
    delimiter = config.get("delimiter", "\t" if writer.startswith("tabs") else ",")
    assume(not any(are_rows(row, delimiter) or row == NAMES or not any(row) for row in rows))
    if writer == "without-quotes":
        rows = [tuple(cell.replace("\n", "").replace("|", "") for cell in row) for row in rows]
    assume(not any(compare(rows[0], rows[1:]) == "row" for _ in rows))
    path = tmp_path_factory.mktemp("csv") / ("x.tsv" if delimiter == "\t" else "x.csv")
    write(rows, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_files, "CHUNK_BYTES", chunk)
        file = detect_format(path, path.name, csv_options(IngestConfig(empty=(), **config)))
        assert unreadable_of(file) == []
        expected = [tuple(formula(cell) for cell in row) for row in rows]
        assert rows_of(file) == expected


def formula(cell: str) -> str:
    return (
        cell[2:-1] if cell.startswith('="') and cell.endswith('"') and cell.count('"') == 2 and len(cell) > 2 else cell
    )


PLAIN_LINES = st.lists(
    st.text(st.sampled_from('ab,,,"" \r\n') | st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), max_size=8
)


@settings(deadline=None, max_examples=300)
@given(lines=PLAIN_LINES, ending=st.sampled_from(["\n", "\r\n"]))
def test_arrow_and_the_csv_module_read_the_same(tmp_path_factory, lines, ending):
    content = ending.join(["first,second,third", *lines])
    file = open_csv(tmp_path_factory.mktemp("csv"), content)
    fast = rows_of(file), lines_of(file), unreadable_of(file), notes_of(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etsyml_cli.ingest.formats.csv_records.read_plain", lambda *_: None)
        assert fast == (rows_of(file), lines_of(file), unreadable_of(file), notes_of(file))


# Stray quotes


@pytest.mark.parametrize(("name", "mark"), [("x.csv", ","), ("x.tsv", "\t")])
def test_rows_between_stray_quotes_stay_rows(tmp_path, name, mark):
    lines = ["id,title,shop", "1,mug,s1", '2,"Old lamp,s2', "3,apron,s3", '4,rod 36",s4', '5,"a ""b""",s5', '6,"hat,s6']
    file = open_csv(tmp_path, "\n".join(line.replace(",", mark) for line in lines) + "\n", name)
    titles = ["mug", '"Old lamp', "apron", 'rod 36"', 'a "b"', '"hat']
    assert rows_of(file) == [(str(i), title, f"s{i}") for i, title in enumerate(titles, 1)]
    assert notes_of(file) == {Note.STRAY_QUOTE: [3, 7]}


def test_a_quoted_line_break_stays_in_its_row(tmp_path):
    file = open_csv(tmp_path, 'id,title,text\n1,a,"one\ntwo, or three"\n2,"b\n",c\n')
    assert rows_of(file) == [("1", "a", "one\ntwo, or three"), ("2", "b\n", "c")]
    assert notes_of(file) == {}


def test_a_quoted_header_shows_that_quotes_are_meant(tmp_path):
    file = open_csv(tmp_path, '"id","title"\n"1","a\nb, c"\n')
    assert rows_of(file) == [("1", "a\nb, c")]


STRAY = st.lists(st.sampled_from(["mug", '"mug', 'mug"', 'a "b" c', "36"]), min_size=1, max_size=30)


@settings(deadline=None)
@given(titles=STRAY, chunk=st.integers(1, 60))
def test_no_row_is_lost_whatever_quotes_begin_and_end_titles(tmp_path_factory, titles, chunk):
    lines = "".join(f"L{i}\t{title}\tshop\n" for i, title in enumerate(titles))
    file = open_csv(tmp_path_factory.mktemp("csv"), f"id\ttitle\tshop\n{lines}", "x.tsv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_files, "CHUNK_BYTES", chunk)
        assert rows_of(file) == [(f"L{i}", title, "shop") for i, title in enumerate(titles)]
        assert lines_of(file) == list(range(2, len(titles) + 2))


def test_raw_texts_have_the_delimiter_of_the_file(tmp_path):
    file = open_csv(tmp_path, "a::b\n1::2\n3\n", delimiter="::")
    assert RawTexts([(file, read_header(file))], ["a"]).at(0, 2) == b"1::2\n"
    assert [row.raw for block in read(file)[1] for row in block.unreadable] == [b"3\n"]


# Options


def test_without_a_quote_character_quotes_are_text(tmp_path):
    assert rows_of(open_csv(tmp_path, 'a,b\n"1",2"\n', quote="none")) == [('"1"', '2"')]


def test_escapes_and_the_null_of_databases(tmp_path):
    content = 'a,b\n\\N,x\\,y\n"\\"q\\"",\\\\Nx\n\\N,\\N\n'
    assert rows_of(open_csv(tmp_path, content, escape="\\")) == [(None, "x,y"), ('"q"', "\\Nx"), (None, None)]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", "é"), ("windows-1252", "€"), ("utf-16", "é€"), ("utf-16-le", "é"), ("shift_jis", "表"), ("gbk", "表")],
)
def test_encodings(tmp_path, monkeypatch, encoding, text):
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 5)
    content = f"a,b\n1,{text}\n2,{text}{text}\n".encode(encoding)
    assert rows_of(open_csv(tmp_path, content, encoding=encoding)) == [("1", text), ("2", text * 2)]


def test_bytes_that_the_encoding_does_not_have_reject_their_row(tmp_path):
    file = open_csv(tmp_path, b"a,b\n1,\x81\n2,x\n", encoding="windows-1252")
    assert unreadable_of(file) == [(2, Reason.NOT_UTF8)]
    with pytest.raises(InputError, match="not utf-16"):
        rows_of(open_csv(tmp_path, "a,b\n1,2\n".encode("utf-16") + b"x", encoding="utf-16"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"encoding": "klingon"}, "unknown encoding"),
        ({"encoding": "base64"}, "unknown encoding"),
        ({"quote": "''"}, "--quote"),
        ({"escape": "\n"}, "--escape"),
        ({"escape": '"'}, "is the quote character"),
        ({"columns": ("a", "a")}, "duplicate name 'a'"),
        ({"columns": ("a...", "b")}, "only the last name"),
    ],
)
def test_invalid_options(config, message):
    with pytest.raises(UsageError, match=message):
        csv_options(IngestConfig(**config))


# Empty cells


def test_cells_that_mean_empty_unless_they_are_quoted(tmp_path):
    content = 'a,b\nNULL,\\N\n"NULL",None\nNULLS,"x, NULL"\n,"NULL"\n'
    expected = [(None, None), ("NULL", None), ("NULLS", "x, NULL"), ("", "NULL")]
    assert rows_of(open_csv(tmp_path, content)) == expected
    assert rows_of(open_csv(tmp_path, "a,b\nNULL,-\n", empty=("-",))) == [("NULL", None)]


def test_words_are_not_empty_in_their_columns(tmp_path):
    file = open_csv(tmp_path, "brand,price\nNA,NA\nNULL,1\n")
    header = Header(("brand", "price"), words={"brand": ("NA",)})
    (block,) = read_blocks(file, header, header.names)
    assert block.columns["brand"].array.to_pylist() == ["NA", None]
    assert block.columns["price"].array.to_pylist() == [None, "1"]


def test_text_formulas_and_blanks_before_quotes(tmp_path):
    content = 'id, title, tags\n="007", "mug, red", "a, b"\n"=""008""", hat,c "d"\n'
    assert rows_of(open_csv(tmp_path, content)) == [("007", "mug, red", "a, b"), ("008", " hat", 'c "d"')]


# Header


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_sep_line_gives_the_delimiter(tmp_path, line):
    file = open_csv(tmp_path, f"{line}\r\na;b,c\r\n1;2\r\n")
    assert read_header(file).names == ("a", "b,c")
    assert (rows_of(file), lines_of(file)) == ([("1", "2")], [3])


def test_comments_above_the_header_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 3)
    file = open_csv(tmp_path, "# shop X; Berlin, Ost\n# 2024\n\na,b\n1,2\n")
    assert (rows_of(file), lines_of(file)) == ([("1", "2")], [5])
    assert notes_of(file) == {Note.COMMENT: [1, 2]}


def test_a_header_may_begin_with_a_number_sign(tmp_path):
    assert read_header(open_csv(tmp_path, "#user,item\n1,2\n3,4\n")).names == ("#user", "item")
    assert read_header(open_csv(tmp_path, "#user,item\n")).names == ("#user", "item")


@pytest.mark.parametrize("title", ["My shop", "Orders; 2024", "Orders, 2024"])
def test_a_title_above_the_header_is_refused_with_its_line(tmp_path, title):
    with pytest.raises(InputError, match="line 2 and those below it have 3 fields") as error:
        read_header(open_csv(tmp_path, f"{title}\nid,title,shop\n1,mug,s\n2,hat,s\n"))
    assert "tail -n +2" in error.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "u1\tL1\nu1\tL2\nu2\tL1\n",
        "1\t1\t5.0\n1\t2\t1.0\n",
        "alice\t2014-05-01\nbob\t2014-05-02\n",
        "A2EF,5555991584,5.0\nB7,0001,4\n",
        "0::2::3\n4::5::6\n",
        "c91a0f4e-1d11,x\n11fe0f4e-22aa,y\n",
    ],
)
def test_a_row_in_place_of_a_header(tmp_path, content):
    assert read_header(open_csv(tmp_path, content, "x.dat")).is_data


@pytest.mark.parametrize(
    "content",
    [
        "id,2014,2015\n1,5,6\n2,7,8\n",
        "user,item1\nann,mug\nbob,hat\n",
        "id,title\n1,mug\n",
        "x1,x2\n",
        "image1,image2\na.jpg,b.jpg\nc1.jpg,d.jpg\n",
        "a,b\n1,2\n",
    ],
)
def test_a_header(tmp_path, content):
    assert not read_header(open_csv(tmp_path, content)).is_data


def test_names_for_a_file_without_a_header(tmp_path):
    file = open_csv(tmp_path, "1,2\n3,4\n\n5\n", columns=("user", "item"))
    assert (rows_of(file), lines_of(file)) == ([("1", "2"), ("3", "4")], [1, 2])
    assert unreadable_of(file) == [(4, Reason.FIELD_COUNT)]
    with pytest.raises(UsageError, match="3 names, but the first row of x"):
        read_header(open_csv(tmp_path, "1,2\n", columns=("a", "b", "c")))
    with pytest.raises(UsageError, match="has a header: user,"):
        read_header(open_csv(tmp_path, "user,item\n1,2\n", columns=("a", "b")))


def test_the_last_column_takes_the_rest_of_the_line(tmp_path):
    file = open_csv(tmp_path, "u1 a b c \nu2  d\nu3\n", "x.txt", columns=("user", "items..."), delimiter="space")
    assert rows_of(file) == [("u1", ["a", "b", "c"]), ("u2", ["d"]), ("u3", [])]


def test_repeated_headers_are_counted(tmp_path, monkeypatch):
    content = 'id,title\n1,mug\nid,title\n2,id\n\ufeffid,title\n"id","title"\n3,hat\n'
    for chunk in (10, 1000):
        monkeypatch.setattr(input_files, "CHUNK_BYTES", chunk)
        file = open_csv(tmp_path, content)
        assert rows_of(file) == [("1", "mug"), ("2", "id"), ("3", "hat")]
        assert notes_of(file) == {Note.REPEATED_HEADER: [3, 5, 6]}
    assert notes_of(open_csv(tmp_path, content, columns=("id", "title"))) == {Note.REPEATED_HEADER: [1, 3, 5, 6]}


def test_a_stray_quote_in_the_header(tmp_path):
    file = open_csv(tmp_path, 'id,"title\n1,mug\n2,hat\n')
    assert (read_header(file).names, rows_of(file)) == (("id", "title"), [("1", "mug"), ("2", "hat")])
