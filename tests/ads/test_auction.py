"""`etsyml auction` from lines to lines."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

EXAMPLE = """\
{"listing_id": "L1", "bid": 0.25, "ctr": 0.158}
{"listing_id": "L2", "bid": 0.95, "ctr": 0.0202}
{"listing_id": "L3", "bid": 0.70, "ctr": 0.0271}
{"listing_id": "L4", "bid": 0.45, "ctr": 0.0373}
"""
FIRST = '{"place":1,"listing_id":"L1","bid":0.25,"ctr":0.158,"score":0.0395,"price":0.13}'
PRICES = [("L1", "0.13"), ("L2", "0.94"), ("L3", "0.62"), ("L4", "0")]


@pytest.fixture
def auction(etsyml, tmp_path):
    """`auction(text, *options)` runs the command on a file of this text."""

    def call(text: str | bytes, *options, name: str = "bids.jsonl"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return etsyml("auction", path, *options)

    return call


def rows_of(text: str) -> list[dict]:
    return [json.loads(line, parse_float=Decimal, parse_int=str) for line in text.splitlines()]


def prices_of(text: str) -> list[tuple[str, str]]:
    return [(row["listing_id"], str(row["price"])) for row in rows_of(text)]


def test_the_example_from_lines_to_lines(auction):
    ended = auction(EXAMPLE)
    assert (ended.code, ended.err, ended.out.splitlines()[0]) == (0, "", FIRST)
    assert prices_of(ended.out) == PRICES
    assert auction(ended.out).out == ended.out  # its own output is an input


def test_stdin_and_json(etsyml, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(EXAMPLE.encode())))
    told = json.loads(etsyml("auction", "--json").out)
    assert (told["schema_version"], len(told["rows"])) == (1, 4)


def test_scored_lines_pipe_in(auction):
    scored = EXAMPLE.replace('"ctr"', '"position": 1, "score"')
    assert auction(scored).out == auction(EXAMPLE).out


def test_csv_in_and_out(auction, tmp_path):
    text = "\ufefflisting_id,bid,ctr,score\nL1,0.25,0.158,\nL2,0.95,,0.0202\nL3,0.70,0.0271,9\n\nL4,.45,.0373,\n"
    out = tmp_path / "prices.csv"
    assert auction(text, "--out", out, name="bids.csv").code == 0
    written = list(csv.DictReader(out.open()))
    assert [(row["listing_id"], row["price"]) for row in written] == PRICES
    assert prices_of(auction(out.read_text(), name="again.csv").out) == PRICES


def test_what_is_written_to_files(auction, tmp_path):
    lines, table = tmp_path / "prices.jsonl", tmp_path / "prices.parquet"
    assert auction(EXAMPLE, "--out", lines).err == f"{lines}: written (4 ads)\n"
    assert lines.read_text() == auction(EXAMPLE).out
    assert auction(EXAMPLE, "--out", table).code == 0
    read = pq.read_table(table)
    assert read.column_names == ["auction_id", "place", "listing_id", "bid", "ctr", "score", "price"]
    assert read["price"].to_pylist() == [0.13, 0.94, 0.62, 0.0]
    assert auction(EXAMPLE, "--out", table).code == 0
    table.write_text("mine")
    assert "changed since etsyml wrote it" in auction(EXAMPLE, "--out", table).err
    assert "unknown file extension" in auction(EXAMPLE, "--out", tmp_path / "prices.trec").err


def test_auctions_are_apart_and_slots_are_for_each(auction):
    def lines(auction_id):
        return [line.replace("{", f'{{"auction_id": {auction_id}, ') for line in EXAMPLE.splitlines()]

    mixed = "\n".join(line for pair in zip(lines('"b"'), lines(7), strict=True) for line in pair)
    rows = rows_of(auction(mixed, "--slots", "2").out)
    assert [(row["auction_id"], row["listing_id"], str(row["price"])) for row in rows] == [
        *(("b", "L1", "0.13"), ("b", "L2", "0.94"), ("7", "L1", "0.13"), ("7", "L2", "0.94"))
    ]


def test_bids_below_the_reserve_are_excluded_and_logged(auction):
    ended = auction(EXAMPLE, "--reserve", "0.65")
    assert prices_of(ended.out) == [("L2", "0.94"), ("L3", "0.65")]
    assert ended.err == "2 of 4 bids are below the reserve and excluded\n"
    assert auction(EXAMPLE, "--reserve", "1").out == ""


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"listing_id": "L9", "bid": 1, "ctr": 1.01}', "ctr 1.01: expected a number from 0 to 1"),
        ('{"listing_id": "L9", "bid": 1, "ctr": -0.1}', "ctr -0.1: expected a number from 0 to 1"),
        ('{"listing_id": "L9", "bid": 1, "score": 2}', "ctr 2: expected a number from 0 to 1"),
        ('{"listing_id": "L9", "bid": -1, "ctr": 0.1}', "bid -1: expected a number from 0 to 1000000000000000"),
        ('{"listing_id": "L9", "bid": "NaN", "ctr": 0.1}', "bid NaN: expected a number"),
        ('{"listing_id": "L9", "bid": 1e999, "ctr": 0.1}', "bid 1E+999: expected a number"),
        (f'{{"listing_id": "L9", "bid": 0.{"1" * 31}, "ctr": 0.1}}', "more than 30 digits"),
        ('{"listing_id": "L9", "bid": true, "ctr": 0.1}', "Expected `decimal`, got `bool` - at `$.bid`"),
        ('{"listing_id": "L9", "ctr": 0.1}', "Object missing required field `bid`"),
        ('{"bid": 1, "ctr": 0.1}', "Object missing required field `listing_id`"),
        ('{"listing_id": "L9", "bid": 1}', "neither ctr nor score"),
        ('{"listing_id": "L2", "bid": 1, "ctr": 0.1}', "duplicate bid of L2"),
        ('{"listing_id": "L9", "bid": 1, "ctr": 0.1, "auction_id": "x"}', "only some lines have an auction_id"),
        ("[1]", "Expected `object`, got `array`"),
        ("{", "truncated"),
    ],
)
def test_a_bad_line_is_named(auction, line, problem):
    ended = auction(f"{EXAMPLE}\n{line}\n")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("error: line 6: ")
    assert problem in ended.err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"listing_id,bid,ctr\nL1,1,0.1,7\n", "line 2: more cells than columns in the header"),
        (b"listing_id,bid,ctr\nL1,1,high\n", "line 2: Invalid decimal string - at `$.ctr`"),
        (b"listing_id,bid,ctr\nL1,,0.1\n", "line 2: Object missing required field `bid`"),
        (b"listing_id,bid,ctr\nL1,1,0.1\n\xff,1,0.1\n", "line 3: "),
        (b"listing_id,bid,ctr\n", "no bids"),
    ],
)
def test_a_bad_row_of_csv_is_named(auction, text, problem):
    ended = auction(text, name="bids.csv")
    assert ended.code in (3, 4)
    assert problem in ended.err


@pytest.mark.parametrize("reserve", ["-1", "nan", "inf", "much"])
def test_a_reserve_that_is_no_amount(auction, reserve):
    ended = auction(EXAMPLE, f"--reserve={reserve}")
    assert (ended.code, ended.err) == (
        2,
        f"error: --reserve {reserve}: expected an amount of at least 0, such as 0.05\n",
    )
