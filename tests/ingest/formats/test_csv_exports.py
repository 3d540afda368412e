"""Exports in CSV end to end through the command line: options, hints and counts; and random files."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from benchmarks.fuzz_ingest import fuzz
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.tables import read_table


@pytest.fixture
def run(etsyml, tmp_path, monkeypatch):
    """Run `etsyml ingest TABLE FILE` on a file with this content; return the exit code, and stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(table, name, content, *options):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        ended = etsyml("-w", "ws", "ingest", table, name, *options)
        return ended.code, ended.out, ended.err

    return run


def test_a_file_without_a_header_is_read_as_the_hint_says(run):
    content = "7,11,pv,1511544070\n7,12,fav,1511561733\n8,11,buy,1511572885\n"
    for options in ((), ("--check",), ("--map", "user_id=7", "--map", "listing_id=11")):
        code, _, err = run("favorites", "behavior.csv", content, *options)
        assert code == 3
        assert "the first line looks like a row, not like a header: 7, 11, pv, 1511544070" in err
    names = err.split("--columns ")[1].split()[0]
    assert names == "user_id,listing_id,column_3,column_4"
    assert run("favorites", "behavior.csv", content, "--columns", names)[0] == 0
    assert pq.read_metadata("ws/tables/favorites.parquet").num_rows == 3
    code, out, _ = run("favorites", "behavior.csv", content, "--columns", names, "--check")
    assert code == 0
    assert f"--columns {names}" in json.loads(out)["command"]


def test_a_shard_without_a_header_takes_the_names_of_the_others(run, tmp_path, etsyml):
    (tmp_path / "a.csv").write_text("user_id,listing_id\nu1,L1\n")
    code, _, err = run("favorites", "b.csv", "u2,L1\nu3,L1\n", "a.csv")
    assert code == 3
    assert "--columns user_id,listing_id" in err
    assert etsyml("-w", "ws", "ingest", "favorites", "a.csv", "b.csv", "--columns", "user_id,listing_id").code == 0
    table = read_table(tmp_path / "ws/tables/favorites.parquet", "favorites")
    assert table["user_id"].to_pylist() == ["u1", "u2", "u3"]


def test_columns_are_for_csv_only(run):
    code, _, err = run("favorites", "x.jsonl", '{"user_id":1,"listing_id":2}\n', "--columns", "user_id,listing_id")
    assert code == 2
    assert "x.jsonl is not CSV" in err


def test_rows_in_another_encoding_name_the_option(run, tmp_path):
    content = "listing_id,title\n1,caf\u00e9\n2,mug\n".encode("latin-1")
    code, _, err = run("listings", "x.csv", content)
    assert code == 4
    assert "--encoding windows-1252" in err
    assert run("listings", "x.csv", content, "--encoding", "windows-1252")[0] == 0
    titles = read_table(tmp_path / "ws/tables/listings.parquet", "listings")["title"].to_pylist()
    assert titles == ["caf\u00e9", "mug"]
    assert run("listings", "x.csv", "listing_id,title\n1,mug\n".encode("utf-16"))[0] == 3
    assert run("listings", "x.csv", content, "--encoding", "klingon")[0] == 2


def test_the_summary_counts_what_was_read_in_a_particular_way(run):
    content = '# exported\nlisting_id,title\n1,"Old lamp\n2,rod 36"\nlisting_id,title\n3,mug\n'
    code, _, err = run("listings", "x.csv", content, "--json")
    assert code == 0, err
    manifest = pq.read_metadata("ws/tables/listings.parquet")
    assert manifest.num_rows == 3
    code, _, err = run("listings", "x.csv", content, "--force")
    for line in ("lines with a stray quote: 1", "repeated headers: 1", "comment lines above the header: 1"):
        assert line in err


def test_quotes_can_be_text(run, tmp_path):
    assert run("listings", "x.csv", 'listing_id,title\n1,"mug"\n', "--quote", "none")[0] == 0
    assert read_table(tmp_path / "ws/tables/listings.parquet", "listings")["title"].to_pylist() == ['"mug"']


def test_empty_cells_by_column(tmp_path):
    content = "listing_id,title,shop_id,price\n1,NA,NA,NA\n2,null,NULL,nan\n"
    (tmp_path / "x.csv").write_text(content)
    out = tmp_path / "out.parquet"
    ingest("listings", [str(tmp_path / "x.csv")], out=out, config=IngestConfig())
    rows = read_table(out, "listings").to_pylist()
    assert [(row["title"], row["shop_id"], row["price"]) for row in rows] == [("NA", "NA", None), ("null", None, None)]
    (tmp_path / "x.csv").write_text("listing_id,title,shop_id\n1,mug,NULL\n2,hat,-\n")
    ingest("listings", [str(tmp_path / "x.csv")], out=out, config=IngestConfig(empty=("-",)))
    assert read_table(out, "listings")["shop_id"].to_pylist() == ["NULL", None]


def test_ids_damaged_by_a_spreadsheet_are_refused(run):
    code, _, err = run("listings", "x.csv", "listing_id,title\n1.23E+12,mug\n12E5,hat\n")
    assert code == 4
    assert "x.csv:2: listing_id: id in scientific notation, damaged by a spreadsheet" in err
    assert "1 of 2 rows" in err


def test_check_says_that_positions_begin_at_1(run):
    content = "search_id,query,listing_id,position,event\ns,mug,1,0,click\ns,mug,2,1,click\n"
    code, out, _ = run("searches", "x.csv", content, "--check")
    assert code == 0
    report = json.loads(out)
    assert report["command"] is None
    assert report["hint"] == "Positions are counted from 1. If yours are counted from 0, add 1 to each position."


def test_no_row_of_random_files_is_lost():
    outcomes = fuzz(range(300))
    assert outcomes.total() == 300
    assert outcomes["rows"] > 100
