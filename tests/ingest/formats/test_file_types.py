"""File types are recognized by their first bytes: read, or refused with a conversion that works."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from etsyml_cli.ingest.formats import files as input_files
from tests.conftest import REPOSITORY, Etsyml

ROWS = [{"listing_id": f"L{i}", "title": f'Mug <{i}> & é, "ü"', "price": i + 0.5} for i in range(50)]
TABLE = pa.Table.from_pylist(ROWS)
CSV = "listing_id,title,price\n" + "".join(
    f'{row["listing_id"]},"{row["title"].replace(chr(34), chr(34) * 2)}",{row["price"]}\n' for row in ROWS
)
JSON_LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def skippable_frame(data: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18\x02\x00\x00\x00ab" + zstd(data)


def zstd(data: bytes) -> bytes:
    return in_frame("zstd", data)


def lz4(data: bytes) -> bytes:
    return in_frame("lz4", data)


def in_frame(codec: str, data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESSIONS = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd, "lz4": lz4,
    "zstd after a frame without data": skippable_frame,
}  # fmt: skip


def rows_in(workspace: Path) -> list[dict]:
    return pq.read_table(workspace / "tables/listings.parquet").to_pylist()


def expect_rows(etsyml: Etsyml, workspace: Path, file: Path, *options: str) -> None:
    ended = etsyml("-w", workspace, "ingest", "listings", file, *options)
    assert ended.code == 0, ended.err
    assert rows_in(workspace) == ROWS
    assert etsyml("-w", workspace, "ingest", "listings", file, "--check", *options).code == 0


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("content", [CSV, JSON_LINES], ids=["csv", "jsonl"])
@pytest.mark.parametrize("copies", [1, 2], ids=["whole", "in two parts"])
def test_compressed_text_is_read(etsyml, tmp_path, compression, content, copies):
    file = tmp_path / "export.data"
    cut = len(content) // 2 if copies == 2 else len(content)
    parts = [content[:cut], content[cut:]] if copies == 2 else [content]
    file.write_bytes(b"".join(COMPRESSIONS[compression](part.encode()) for part in parts))
    expect_rows(etsyml, tmp_path / "w", file)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("option", [[], ["--check"]])
def test_a_truncated_compressed_file_is_one_error(etsyml, tmp_path, compression, option):
    file = tmp_path / "export.csv"
    content = COMPRESSIONS[compression]((CSV * 40).encode())
    file.write_bytes(content[: len(content) * 2 // 3])
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", file, *option)
    assert ended.code == 3
    assert f"damaged {compression.split()[0]} file" in ended.err
    assert not (tmp_path / "w/tables/listings.parquet").exists()


def test_stdin_may_be_compressed_or_of_another_kind(tmp_path):
    command = [sys.executable, "-m", "etsyml_cli", "-w", tmp_path / "w", "ingest", "listings", "-"]
    read = subprocess.run(command, input=zstd(CSV.encode()), cwd=REPOSITORY, capture_output=True, check=False)
    assert read.returncode == 0, read.stderr
    assert rows_in(tmp_path / "w") == ROWS
    refused = subprocess.run(command, input=b"[" + b"{}]", cwd=REPOSITORY, capture_output=True, check=False)
    assert refused.returncode == 3
    assert b"jq -c '.[]' < FILE > NEW.jsonl" in refused.stderr


def write_arrow(kind: str, file: Path) -> None:
    match kind:
        case "feather 1":
            with warnings.catch_warnings(action="ignore"):
                feather.write_feather(TABLE, str(file), version=1)
        case "stream":
            with pa.ipc.new_stream(str(file), TABLE.schema) as writer:
                writer.write_table(TABLE, max_chunksize=7)
        case "file":
            with pa.ipc.new_file(str(file), TABLE.schema) as writer:
                writer.write_table(TABLE, max_chunksize=7)
        case "parquet":
            pq.write_table(TABLE, file)
        case _:
            feather.write_feather(TABLE, str(file), compression=kind)


@pytest.mark.parametrize("kind", ["feather 1", "lz4", "zstd", "uncompressed", "stream", "file", "parquet"])
@pytest.mark.parametrize("name", ["x.feather", "x.csv", "x"])
def test_arrow_files_are_read_whatever_their_name(etsyml, tmp_path, kind, name):
    write_arrow(kind, tmp_path / name)
    expect_rows(etsyml, tmp_path / "w", tmp_path / name)


@pytest.mark.parametrize("kind", ["feather 1", "lz4", "stream", "parquet"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_arrow_file_is_one_error(etsyml, tmp_path, kind, share):
    write_arrow(kind, tmp_path / "x.arrow")
    content = (tmp_path / "x.arrow").read_bytes()
    (tmp_path / "x.arrow").write_bytes(content[: int(len(content) * share)])
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.arrow")
    assert ended.code == 3
    assert ended.err.count("error:") == 1
    assert "x.arrow: " in ended.err


def test_rejects_of_arrow_files_have_their_row_number(etsyml, tmp_path):
    table = pa.table({"listing_id": ["a", None, "a", "b"], "title": ["A", "B", "C", "D"], "other": [1, 2, 3, 4]})
    feather.write_feather(table, str(tmp_path / "x.feather"))
    etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.feather", "--max-bad-rate", "0.5")
    rejects = (tmp_path / "w/tables/listings.rejects.jsonl").read_text().splitlines()
    assert [(json.loads(one)["line"], json.loads(one)["raw"]) for one in rejects] == [
        (2, '{"listing_id":null,"title":"B"}'),
        (3, '{"listing_id":"a","title":"C"}'),
    ]


def zipped(name: str, content: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._x.csv", "no")
        archive.writestr("readme.md", "text\n" * 9_000)
        archive.writestr(name, content)
    return target.getvalue()


def tarred(compression: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=f"w:{compression}") as archive:
        member = tarfile.TarInfo("folder")
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
        member = tarfile.TarInfo("folder/the export.csv")
        member.size = len(CSV.encode())
        archive.addfile(member, io.BytesIO(CSV.encode()))
    return target.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "made.db") as made:
        made.execute('CREATE TABLE "my listings" (listing_id TEXT, title TEXT, price REAL)')
        made.executemany('INSERT INTO "my listings" VALUES (:listing_id, :title, :price)', ROWS)
        made.execute("CREATE TABLE zebra (a INT)")
    made.close()
    return (folder / "made.db").read_bytes()


def xml(*, namespace: str = "", prefix: str = "", attributes: bool = False) -> bytes:
    from xml.sax.saxutils import escape, quoteattr

    if attributes:
        items = "".join(
            "  <row " + " ".join(f"{name}={quoteattr(str(value))}" for name, value in row.items()) + " />\n"
            for row in ROWS
        )
        return f'<?xml version="1.0" encoding="utf-8"?>\n<listings>\n{items}</listings>'.encode()
    fields = [
        "".join(f"<{prefix}{name}>{escape(str(value))}</{prefix}{name}>" for name, value in row.items()) for row in ROWS
    ]
    items = "".join(f"<item>{one}<{prefix}box><{prefix}kg>1</{prefix}kg></{prefix}box></item>" for one in fields)
    return f"<rss {namespace}><channel><title>Shop</title>{items}</channel></rss>".encode()


def as_orc() -> bytes:
    target = io.BytesIO()
    orc.write_table(TABLE, target)
    return target.getvalue()


def duckdb_file() -> bytes:
    with TemporaryDirectory() as folder:
        duckdb.connect(f"{folder}/x.db").close()
        return Path(f"{folder}/x.db").read_bytes()


PRETTY = json.dumps({"count": 2, "data": {"my results": ROWS, "more": [{"a": 1}]}}, indent=1).encode()
# name -> content, what the message says, the tool of the conversion, the name of its result
CONVERSIONS = {
    "p.zip": (lambda _: zipped("folder/it's [1].csv", CSV), "a zip archive", "unzip"),
    "p.tar": (lambda _: tarred(""), "a tar archive", "tar"),
    "p.tgz": (lambda _: tarred("gz"), "a tar archive", "tar"),
    "p.csv.bz2": (lambda _: tarred("bz2"), "a tar archive", "tar"),
    "p.tar.zst": (lambda _: zstd(tarred("")), "a tar archive", "tar"),
    "p.db": (database, "an SQLite database (its tables: my listings, zebra)", "sqlite3"),
    "array.json": (lambda _: json.dumps(ROWS).encode(), "a JSON array", "jq"),
    "array.csv": (lambda _: b"\xef\xbb\xbf \n" + json.dumps(ROWS, indent=2).encode(), "a JSON array", "jq"),
    "array.json.gz": (lambda _: gzip.compress(json.dumps(ROWS).encode()), "a JSON array", "jq"),
    "pretty.json": (lambda _: PRETTY, "one JSON object", "jq"),
    "pretty.json.xz": (lambda _: lzma.compress(PRETTY), "one JSON object", "jq"),
    "line.json": (lambda _: json.dumps({"ok": True, "results": ROWS}).encode(), "one JSON object", "jq"),
    "line.jsonl": (lambda _: json.dumps({"hits": {"total": 1, "hits": ROWS}}).encode() + b"\n", "one JSON object", "jq"),
    "objects.json": (lambda _: "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(), "one JSON object", "jq"),
    "feed.xml": (lambda _: xml(namespace='xmlns:g="http://x.example/g"', prefix="g:"), "an XML file", "python3"),
    "feed.csv": (lambda _: xml(namespace='xmlns="http://x.example/a"'), "an XML file", "python3"),
    "rows.xml.gz": (lambda _: gzip.compress(xml(attributes=True)), "an XML file", "python3"),
    "p.orc": (lambda _: as_orc(), "an ORC file", "python3"),
    "p.parquet.zst": (lambda folder: zstd(parquet_bytes(folder)), "a compressed Parquet or Arrow file", "zstd"),
    "p.csv.gz.gz": (lambda _: gzip.compress(gzip.compress(CSV.encode())), "a file compressed twice", "gzip"),
    "p.csv": (lambda _: gzip.compress(zipped("x.csv", CSV)), "a zip archive", "gzip"),
}  # fmt: skip


def parquet_bytes(folder: Path) -> bytes:
    pq.write_table(TABLE, folder / "made.parquet")
    return (folder / "made.parquet").read_bytes()


@pytest.mark.parametrize("name", CONVERSIONS)
def test_the_conversion_in_the_hint_works(etsyml, tmp_path, monkeypatch, name):
    make, message, tool = CONVERSIONS[name]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    file = folder / name
    file.write_bytes(make(tmp_path))
    for option in ([], ["--check"]):
        refused = etsyml("-w", tmp_path / "w", "ingest", "listings", file, *option)
        assert refused.code == 3
        assert f"{name}: {message}" in refused.err
    command = refused.err.strip().splitlines()[-1].partition(": ")[2]
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{shutil.os.environ['PATH']}")  # a python3 with pyarrow
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    converted = next(path for path in tmp_path.iterdir() if path.name.startswith("NEW"))
    if name == "p.csv":  # an archive in a compressed file: two steps
        refused = etsyml("-w", tmp_path / "w", "ingest", "listings", converted)
        assert "a zip archive" in refused.err
        return
    expect_rows(etsyml, tmp_path / "w", converted)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped("xl/workbook.xml", "<workbook/>"), "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Excel workbook of an old format"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument file"),
        (b"PK\x03\x04 damaged", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (pickle.dumps(ROWS, 2), "a Python pickle"),
        (pickle.dumps(ROWS), "a Python pickle"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"\xff\xd8\xff\xe0", "an image"),
        (b"\x00\x00\x00\x18ftypheic", "an image"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
        (b"SQLite format 3\x00 damaged", "an SQLite database"),
        (b"<!DOCTYPE html>\n<html><table><tr><td>a</td></tr></table></html>", "an HTML page"),
        (b"\n <html>\n", "an HTML page"),
        (b"<table><tr><th>a</th></tr></table>", "an HTML page"),
        (b"<?xml version='1.0'?>\n<!-- x --><html xmlns='x'></html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (duckdb_file(), "a DuckDB database"),
        (bytes(range(1, 9)) * 20 + bytes(9), "a binary file of an unknown kind"),
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x"])
def test_other_kinds_are_named_and_refused(etsyml, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    for option in ([], ["--check"]):
        ended = etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / name, *option)
        assert ended.code == 3
        assert f"{name}: {message}" in ended.err
        assert len(ended.err.strip().splitlines()) == 2
    compressed = tmp_path / f"{name}.gz"
    compressed.write_bytes(gzip.compress(content))
    assert message in etsyml("-w", tmp_path / "w", "ingest", "listings", compressed).err


@pytest.mark.parametrize(
    "header",
    [
        "<DATE>,<OPEN>",
        "<a>;<b>",
        "ORCID,b",
        "BZh9,b",
        "PKEY,b",
        "GIF,b",
        "%PD,b",
        "7z,b",
        "animals,DUCK",
        "abc,ftyp",
        "[a],[b]",
        "{a},b",
    ],
)
def test_a_header_that_looks_like_another_kind_is_read(etsyml, tmp_path, header):
    mark = ";" if ";" in header else ","
    lines = [[header, "listing_id", "title"], ["1", "2", "L1", "Mug"]]  # all headers are two columns
    (tmp_path / "x.csv").write_text("".join(mark.join(line) + "\n" for line in lines))
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.csv")
    assert ended.code == 0, ended.err
    assert rows_in(tmp_path / "w") == [{"listing_id": "L1", "title": "Mug"}]


def test_json_lines_with_a_damaged_first_line_are_read(etsyml, tmp_path):
    (tmp_path / "x.jsonl").write_text('{"listing_id": "cut", "tags": ["a\n' + JSON_LINES)
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.jsonl", "--max-bad-rate", "0.1")
    assert ended.code == 0, ended.err
    assert rows_in(tmp_path / "w") == ROWS


def test_an_object_on_one_line_that_is_too_long_is_named(etsyml, tmp_path, monkeypatch):
    monkeypatch.setattr(input_files, "MAX_LINE_BYTES", 900)
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 100)
    (tmp_path / "x.json").write_text(json.dumps({"ok": 1, "my rows": ROWS}))
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.json")
    assert ended.code == 3
    assert "jq -c '.\"my rows\"[]' < " in ended.err


def test_a_single_line_with_the_columns_and_a_list_is_a_row(etsyml, tmp_path):
    row = {"listing_id": "L1", "title": "Mug", "variants": [{"id": 1}]}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    assert etsyml("-w", tmp_path / "w", "ingest", "listings", tmp_path / "x.jsonl").code == 0


def test_json_lines_named_csv_are_json_lines(etsyml, tmp_path):
    (tmp_path / "x.csv").write_text(JSON_LINES)
    expect_rows(etsyml, tmp_path / "w", tmp_path / "x.csv")
