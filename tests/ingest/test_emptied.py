"""Bad values of optional columns, end to end: cells are emptied and counted, too many are refused with a way out."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from etsyml_cli.io.tables import read_table
from tests.conftest import Etsyml


def listings(folder: Path, column: str, values: list[str], name: str = "shop.csv") -> Path:
    file = folder / name
    file.write_text(f"listing_id;title;{column}\n" + "".join(f"L{i};Mug {i};{v}\n" for i, v in enumerate(values)))
    return file


def column_of(folder: Path, name: str) -> list:
    return read_table(folder / "w/tables/listings.parquet", "listings")[name].to_pylist()


def test_emptied_cells_are_counted_and_shown(tmp_path: Path, etsyml: Etsyml):
    file = listings(tmp_path, "price", ["5"] * 40 + ["POA", "-3"])
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", file)
    assert ended.code == 0
    assert "wrote 42 rows (42 read, 0 merged, 0 rejected)" in ended.err
    assert "emptied: price: negative number 1, price: not a number 1" in ended.err
    assert "emptied shop.csv:42: price: not a number: POA" in ended.err
    assert column_of(tmp_path, "price") == [5.0] * 40 + [None, None]


@pytest.mark.parametrize("advice", [["--map", "price="], ["--set", "max_emptied_rate=1"], ["--decimal", ","]])
def test_too_many_bad_values_are_refused_and_each_advice_works(tmp_path: Path, etsyml: Etsyml, advice):
    command = ["-w", tmp_path / "w", "ingest", "listings", listings(tmp_path, "price", ["4,5", "12,50 €", "7"])]
    ended = etsyml(*command)
    assert ended.code == 4
    assert (
        "price: 2 of 3 values are bad (66.7%, allowed 10.0%): shop.csv:2: price: another decimal mark: 4,5" in ended.err
    )
    assert shlex.join(advice) in ended.err
    assert not (tmp_path / "w/tables/listings.parquet").exists()
    assert etsyml(*command, *advice).code == 0
    if "--decimal" in advice:
        assert column_of(tmp_path, "price") == [4.5, 12.5, 7.0]


def test_the_share_is_of_the_values_not_of_the_rows(tmp_path: Path, etsyml: Etsyml):
    file = listings(tmp_path, "price", [""] * 100 + ["POA", "POA", "5"])
    assert etsyml("-w", tmp_path / "w", "ingest", "listings", file).code == 4


def test_one_exception_is_not_too_many_unless_none_is_allowed(tmp_path: Path, etsyml: Etsyml):
    command = ["-w", tmp_path / "w", "ingest", "listings", listings(tmp_path, "quantity", ["4", "12", "-2"])]
    assert etsyml(*command, "--set", "max_emptied_rate=0").code == 4
    assert etsyml(*command).code == 0
    assert column_of(tmp_path, "quantity") == [4, 12, None]
    alone = listings(tmp_path, "quantity", ["-2"], "alone.csv")
    assert etsyml("-w", tmp_path / "v", "ingest", "listings", alone).code == 4


def test_a_rejected_row_has_no_emptied_cells(tmp_path: Path, etsyml: Etsyml):
    file = tmp_path / "shop.csv"
    file.write_text("listing_id,title,price\n" + "".join(f"L{i},Mug,5\n" for i in range(200)) + ",Mug,POA\n")
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", file, "--json")
    assert json.loads(ended.out)["facts"]["emptied"] == {}
    assert json.loads(ended.out)["rows"]["rejected"] == 1


def test_check_counts_what_would_be_emptied(tmp_path: Path, etsyml: Etsyml):
    file = listings(tmp_path, "price", ["5"] * 20 + ["POA"])
    report = json.loads(etsyml("ingest", "listings", file, "--check", "--json").out)
    assert report["notes"]["emptied"] == {"price: not a number": 1}
    assert report["rejected"] == {}


def test_amounts_and_marks_are_counted(tmp_path: Path, etsyml: Etsyml):
    file = listings(tmp_path, "price", ["1,234", "$5", "US$ 1,000.50", "7"])
    ended = etsyml("-w", tmp_path / "w", "ingest", "listings", file)
    assert column_of(tmp_path, "price") == [1234.0, 5.0, 1000.5, 7.0]
    assert "amounts with a currency: 2" in ended.err
    assert "numbers with thousands marks: 2" in ended.err


@pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_advice_for_urls_of_photos_works_to_the_letter(tmp_path: Path, etsyml: Etsyml, monkeypatch, kind):
    (tmp_path / "site").mkdir()
    for name in ("x.jpg", "y.PNG.webp"):
        (tmp_path / "site" / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path / "site"))
    Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}"
    rows = [("L1", f"{site}/x.jpg?v=2, {site}/y.PNG.webp"), ("L2", f"{site}/x.jpg"), ("L3", "")]
    file = tmp_path / f"my shop.{kind}"
    if kind == "csv":
        file.write_text("listing_id,title,images\n" + "".join(f'{id_},Mug,"{urls}"\n' for id_, urls in rows))
    else:
        file.write_text("".join(json.dumps({"listing_id": i, "title": "Mug", "images": u}) + "\n" for i, u in rows))
    ended = etsyml("-w", "w", "ingest", "listings", file)
    assert ended.code == 4
    assert "URL, expected a file" in ended.err
    commands = [line for line in ended.err.splitlines() if line.strip().startswith("zcat")]
    assert len(commands) == 2
    for command in commands:
        subprocess.run(["bash", "-c", command.replace("wget", "wget -q")], check=True)
    server.shutdown()
    assert etsyml("-w", "w", "ingest", "listings", f"with_photos.{kind}", "--image-root", "photos").code == 0
    paths = [path for names in column_of(tmp_path, "images") if names for path in names]
    assert len(paths) == 3
    assert all((tmp_path / "photos" / path).is_file() for path in paths)
