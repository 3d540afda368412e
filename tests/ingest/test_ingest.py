"""`ingest` end to end: tables, rejects, counts, duplicates, interrupted runs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats import files as input_files
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.tables import read_table, rejects_path, table_manifest
from tests.conftest import REPOSITORY
from tests.places import names_in

DATA = REPOSITORY.parent / "shared/data"


@pytest.fixture
def tiny_chunks(monkeypatch):
    """Blocks of one or two rows, to test block boundaries."""
    monkeypatch.setattr(input_files, "CHUNK_BYTES", 64)


def lines_file(folder: Path, rows: list[dict] | list[str], name: str = "log.jsonl") -> str:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def run(table: str, files: list[str] | str, out: Path, *, limit: int | None = None, force: bool = False, **config):
    files = [files] if isinstance(files, str) else files
    return ingest(table, files, out=out, config=IngestConfig(**config), limit=limit, force=force)


def rejects_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in rejects_path(out).read_text().splitlines()]


def identity_holds(rows: dict[str, int], out: Path) -> bool:
    assert rows["out"] == pq.read_metadata(out).num_rows
    assert rows["rejected"] == len(rejects_of(out))
    return rows["in"] == rows["out"] + rows["merged"] + rows["rejected"] + rows.get("excluded", 0)


GOOD = {
    "listings": {"listing_id": "L1", "title": "Mug", "price": 5, "quantity": 1, "image": "a.jpg"},
    "searches": {"search_id": "S1", "query": "mug", "listing_id": "L1", "position": 1, "event": "click"},
    "favorites": {"user_id": "U1", "listing_id": "L1", "created_at": "2014-05-01T00:00:00Z", "weight": 1},
    "impressions": {
        "created_at": "2014-05-01T00:00:00Z", "listing_id": "L1", "clicks": 1, "impressions": 3, "bid": 0.5,
    },
}  # fmt: skip

REJECTED = [
    ("listings", "listing_id", "", "missing value"),
    ("listings", "listing_id", ["L"], "not an id"),
    ("listings", "listing_id", "x" * 600, "id too long"),
    ("listings", "listing_id", "a\nb", "control character in id"),
    ("listings", "title", {"a": 1}, "not text"),
    ("searches", "position", 0, "position below 1"),
    ("searches", "event", "hover", "unknown event"),
    ("impressions", "clicks", 4, "clicks above impressions"),
    ("impressions", "clicks", None, "missing value"),
    ("impressions", "clicks", "many", "not a number"),
    ("impressions", "impressions", None, "missing value"),
    ("impressions", "impressions", -1, "negative number"),
    ("impressions", "created_at", None, "missing value"),
    ("impressions", "created_at", "soon", "not a time"),
]
EMPTIED = [
    ("listings", "price", -1, "negative number"),
    ("listings", "price", "NaN", "not a finite number"),
    ("listings", "price", "POA", "not a number"),
    ("listings", "price", "12,5", "another decimal mark"),
    ("listings", "quantity", 1.5, "not a whole number"),
    ("listings", "quantity", 2**60, "number too large"),
    ("listings", "shop_id", "Ann Author; " * 60, "id too long"),
    ("listings", "tags", [["a"]], "not tags"),
    ("listings", "image", "../b.jpg", "path outside the image root"),
    ("listings", "image", "https://b.jpg", "URL, expected a file"),
    ("listings", "image", ["a.jpg"], "list of paths, meant for images"),
    ("listings", "images", "a.jpg|../b.jpg", "path outside the image root"),
    ("listings", "images", ["a.jpg", "https://b.jpg"], "URL, expected a file"),
    ("searches", "user_id", "u\n1", "control character in id"),
    ("favorites", "created_at", "soon", "not a time"),
    ("favorites", "created_at", "2014-05-01T00:00:00", "time without zone"),
    ("favorites", "created_at", 1398902403, "number as time without unit"),
    ("favorites", "created_at", "1914-05-01T00:00:00Z", "time out of range"),
    ("favorites", "weight", "inf", "not a finite number"),
    ("impressions", "bid", "much", "not a number"),
]


@pytest.mark.parametrize(("table", "field", "value", "reason"), REJECTED)
def test_each_bad_value_of_a_required_column_is_rejected_with_its_reason(tmp_path, table, field, value, reason):
    bad = {**GOOD[table], field: value}
    file = lines_file(tmp_path, [GOOD[table], bad])
    out = tmp_path / "out.parquet"
    summary = run(table, file, out, max_bad_rate=0.5)
    assert summary.rows == {"in": 2, "out": 1, "merged": 0, "rejected": 1}
    assert summary.facts["reasons"] == {reason: 1}
    assert summary.facts["emptied"] == {}
    assert rejects_of(out) == [
        {"file": "log.jsonl", "line": 2, "reason": reason, "field": field, "raw": json.dumps(bad)[:2048]}
    ]


@pytest.mark.parametrize(("table", "field", "value", "reason"), EMPTIED)
def test_each_bad_value_of_an_optional_column_empties_its_cell(tmp_path, table, field, value, reason):
    ids = {name: f"{value}2" for name, value in GOOD[table].items() if name in ("listing_id", "search_id")}
    file = lines_file(tmp_path, [GOOD[table], {**GOOD[table], **ids, field: value}])
    out = tmp_path / "out.parquet"
    summary = run(table, file, out, max_emptied_rate=1)
    assert summary.rows == {"in": 2, "out": 2, "merged": 0, "rejected": 0}
    assert summary.facts["emptied"] == {f"{field}: {reason}": 1}
    rows = read_table(out, table).to_pylist()
    assert rows[1][field] is None
    assert {**rows[1], **{name: rows[0][name] for name in [*ids, field]}} == rows[0]


def test_an_invalid_flag_is_rejected(tmp_path):
    file = lines_file(tmp_path, [{"created_at": "2014-05-01T00:00Z", "listing_id": "L", "clicked": c} for c in (0, 2)])
    summary = run("impressions", file, tmp_path / "out.parquet", max_bad_rate=0.5)
    assert summary.facts["reasons"] == {"not 0 or 1": 1}


def test_the_reason_is_that_of_the_first_bad_column(tmp_path):
    file = lines_file(tmp_path, [GOOD["searches"], {"search_id": "S2", "query": " ", "listing_id": "L", "event": "x"}])
    out = tmp_path / "out.parquet"
    run("searches", file, out, max_bad_rate=0.5)
    assert [(reject["field"], reject["reason"]) for reject in rejects_of(out)] == [("query", "missing value")]


def test_raw_text_is_cut_at_2_kib_between_characters(tmp_path):
    file = lines_file(tmp_path, [json.dumps(GOOD["listings"]), '{"listing_id":"' + "é" * 5000 + '"}'])
    out = tmp_path / "out.parquet"
    run("listings", file, out, max_bad_rate=0.5)
    (reject,) = rejects_of(out)
    assert len(reject["raw"].encode()) in (2047, 2048)
    assert set(reject["raw"][15:]) == {"é"}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "csv.gz", "parquet"])
def test_all_formats_give_the_same_table(tmp_path, kind):
    rows = [
        {"listing_id": f"L{i}", "title": f'"{i}", mug\nred', "tags": "a|b", "price": i / 4, "image": f"x/{i}.jpg"}
        for i in range(20)
    ]
    path = tmp_path / f"l.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "jsonl":
        lines_file(tmp_path, rows, path.name)
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0], delimiter="\t" if kind == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
        path.write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    out = tmp_path / "out.parquet"
    run("listings", str(path), out)
    assert read_table(out, "listings").to_pylist() == [{**row, "tags": ["a", "b"]} for row in rows]


NAMES = st.text("ab,; .é", min_size=1, max_size=6).map(lambda name: f"{name}.jpg".strip())
PHOTO_LISTS = st.lists(st.lists(NAMES, max_size=4, unique=True), min_size=1, max_size=6)


@settings(deadline=None, max_examples=20)
@given(photos=PHOTO_LISTS)
def test_photo_lists_round_trip_in_every_format(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("photos")
    rows = [{"listing_id": f"L{i}", "title": "Mug", "images": names} for i, names in enumerate(photos)]
    texts = [{**row, "images": "|".join(row["images"])} for row in rows]
    with (folder / "texts.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, texts[0])
        writer.writeheader()
        writer.writerows(texts)
    for name, file_rows in (("lists", rows), ("texts", texts)):
        lines_file(folder, file_rows, f"{name}.jsonl")
        pq.write_table(pa.Table.from_pylist(file_rows), folder / f"{name}.parquet")
    for name in ("texts.csv", "texts.jsonl", "lists.jsonl", "texts.parquet", "lists.parquet"):
        run("listings", str(folder / name), folder / "out.parquet")
        got = read_table(folder / "out.parquet", "listings", ["images"])
        assert got["images"].to_pylist() == [names or None for names in photos], name


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5).filter(str.strip)
LISTINGS = st.lists(
    st.fixed_dictionaries(
        {"listing_id": TEXTS.map(str.strip), "title": TEXTS},
        optional={
            "price": st.floats(0, 1e6),
            "quantity": st.integers(0, 9),
            "tags": st.lists(TEXTS.map(str.strip), min_size=1, max_size=2),
        },
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row["listing_id"],
)


@settings(deadline=None, max_examples=30)
@given(rows=LISTINGS)
def test_json_rows_round_trip(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("round")
    run("listings", lines_file(folder, rows), folder / "out.parquet")
    names = ("listing_id", "title", "tags", "price", "quantity")
    got = read_table(folder / "out.parquet", "listings", list(names)).to_pylist()
    assert got == [{name: row.get(name) for name in names} for row in rows]


@pytest.mark.usefixtures("tiny_chunks")
def test_a_duplicate_listing_id_is_rejected_also_across_files(tmp_path):
    ids = ["a", "b", "a", "c"], ["d", "b", "e", "a"]
    files = [
        lines_file(tmp_path, [{"listing_id": i, "title": f"{i}{n}{k}"} for k, i in enumerate(group)], f"{n}.jsonl")
        for n, group in enumerate(ids)
    ]
    out = tmp_path / "out.parquet"
    summary = run("listings", files, out, max_bad_rate=1)
    assert [row["title"] for row in read_table(out, "listings").to_pylist()] == ["a00", "b01", "c03", "d10", "e12"]
    assert [(r["file"], r["line"], r["reason"], json.loads(r["raw"])["title"]) for r in rejects_of(out)] == [
        ("0.jsonl", 3, "duplicate id", "a02"), ("1.jsonl", 2, "duplicate id", "b11"), ("1.jsonl", 4, "duplicate id", "a13"),
    ]  # fmt: skip
    assert identity_holds(summary.rows, out)


def test_impressions_without_an_id_are_not_duplicates(tmp_path):
    row = {"created_at": "2014-05-01T00:00:00Z", "listing_id": "L", "clicked": 0}
    file = lines_file(tmp_path, [{**row, "impression_id": i} for i in ("x", None, "", "x", None)])
    out = tmp_path / "out.parquet"
    assert run("impressions", file, out).rows == {"in": 5, "out": 4, "merged": 1, "rejected": 0}


def test_too_many_bad_rows_leave_the_existing_table_unchanged(tmp_path):
    out = tmp_path / "out.parquet"
    good = [{"user_id": f"U{i}", "listing_id": "L"} for i in range(98)]
    run("favorites", lines_file(tmp_path, good), out)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    bad = lines_file(tmp_path, [*good, {"user_id": "U"}, "{"], "bad.jsonl")
    with pytest.raises(DataError) as error:
        run("favorites", bad, out)
    assert error.value.exit_code == 4
    assert "2 of 100 rows are bad (2.0%, allowed 1.0%)" in error.value.message
    assert "bad.jsonl:99: listing_id: missing value; bad.jsonl:100: not JSON" in error.value.message
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "bad.jsonl"} == before
    assert run("favorites", bad, out, max_bad_rate=0.02).rows["rejected"] == 2


def test_duplicates_count_as_bad(tmp_path):
    file = lines_file(tmp_path, [GOOD["listings"], GOOD["listings"] | {"price": 6}])
    with pytest.raises(DataError, match="1 duplicate id"):
        run("listings", file, tmp_path / "out.parquet", max_bad_rate=0.4)


@pytest.mark.parametrize("content", ["", "user_id,listing_id\n", "user_id,listing_id\n\n\n"])
def test_no_rows(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DataError, match="no rows"):
        run("favorites", str(tmp_path / "x.csv"), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_an_empty_file_among_others_is_ignored(tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    lines_file(tmp_path, [GOOD["favorites"]], "b.jsonl")
    assert run("favorites", f"{tmp_path}/*.jsonl", tmp_path / "out.parquet").rows["in"] == 1


def test_up_to_date_until_something_changes(tmp_path):
    out = tmp_path / "out.parquet"
    file = lines_file(tmp_path, [GOOD["listings"]])
    assert not run("listings", file, out).up_to_date
    again = run("listings", file, out)
    assert again.up_to_date
    assert again.rows == {"in": 1, "out": 1, "merged": 0, "rejected": 0}
    assert not run("listings", file, out, force=True).up_to_date
    assert not run("listings", file, out, max_bad_rate=0.5).up_to_date
    assert not run("listings", lines_file(tmp_path, [{**GOOD["listings"], "price": 6}]), out).up_to_date
    rejects_path(out).unlink()
    assert not run("listings", file, out).up_to_date


def test_the_bytes_depend_only_on_inputs_and_configuration(tmp_path):
    rows = [{"listing_id": f"L{i % 90}", "title": "x" * (i % 7), "image": "a.jpg"} for i in range(100)]
    outputs = []
    for place in ("one", "two"):
        (tmp_path / place / "tables").mkdir(parents=True)
        out = tmp_path / place / "tables/out.parquet"
        run("listings", lines_file(tmp_path / place, rows), out, max_bad_rate=1)
        outputs.append((out.read_bytes(), rejects_path(out).read_bytes()))
    assert outputs[0] == outputs[1]
    assert table_manifest(out).facts["image_root"] == ".."


def test_the_image_root_is_relative_to_the_real_path_of_a_linked_directory(tmp_path):
    (tmp_path / "deep" / "tables").mkdir(parents=True)
    (tmp_path / "link").symlink_to("deep/tables")
    file = lines_file(tmp_path, [{**GOOD["listings"], "image": "a.jpg"}])
    run("listings", file, tmp_path / "link/out.parquet")
    root = table_manifest(tmp_path / "link/out.parquet").facts["image_root"]
    assert (tmp_path / "link" / root).resolve() == tmp_path.resolve()
    assert (tmp_path / "deep/tables" / root).resolve() == tmp_path.resolve()


def test_limit(tmp_path):
    rows = [{"user_id": f"U{i}", "listing_id": "L"} for i in range(9)]
    file = lines_file(tmp_path, [rows[0], "{", *rows[1:]])
    out = tmp_path / "out.parquet"
    assert run("favorites", file, out, limit=4, max_bad_rate=1).rows == {"in": 4, "out": 3, "merged": 0, "rejected": 1}
    assert read_table(out, "favorites")["user_id"].to_pylist() == ["U0", "U1", "U2"]
    assert not run("favorites", file, out, max_bad_rate=1).up_to_date


def test_mapped_and_left_out_columns(tmp_path):
    file = lines_file(tmp_path, [{"who": "u", "what": 7, "extra": 1}])
    summary = run("favorites", file, tmp_path / "out.parquet", map={"user_id": "who", "listing_id": "what"})
    assert summary.facts["left_out"] == ["extra"]
    assert summary.facts["mapping"] == {"user_id": "who", "listing_id": "what"}
    assert read_table(tmp_path / "out.parquet", "favorites").to_pylist() == [{"user_id": "u", "listing_id": "7"}]


def test_a_table_column_can_be_left_out(tmp_path):
    file = lines_file(tmp_path, [{**GOOD["listings"], "image": "https://elsewhere/x.jpg"}])
    assert run("listings", file, tmp_path / "out.parquet", map={"image": ""}).facts["left_out"] == ["image"]


def test_a_list_in_image_is_rejected_with_a_hint_to_map_images(tmp_path):
    file = lines_file(tmp_path, [{**GOOD["listings"], "image": ["a.jpg", "b.jpg"]}])
    with pytest.raises(DataError, match="image: list of paths, meant for images") as error:
        run("listings", file, tmp_path / "out.parquet")
    assert "--map images=" in error.value.hint
    run("listings", file, tmp_path / "out.parquet", map={"images": "image"})
    assert read_table(tmp_path / "out.parquet", "listings")["images"].to_pylist() == [["a.jpg", "b.jpg"]]


@pytest.mark.parametrize("column", ["image", "images"])
@pytest.mark.parametrize("root", ["nowhere", "log.jsonl", "x" * 300])
def test_an_image_root_that_is_not_a_directory_is_refused_before_writing(tmp_path, column, root):
    file = lines_file(tmp_path, [{"listing_id": "L", "title": "Mug", column: "a.jpg"}])
    out = tmp_path / "tables/out.parquet"
    with pytest.raises(InputError, match=r"--image-root .*: directory not found"):
        run("listings", file, out, image_root=str(tmp_path / root))
    assert names_in(tmp_path) == ["log.jsonl"]
    run("listings", file, out, image_root=str(tmp_path / root), map={column: ""})


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("column", ["image", "images"])
def test_photo_columns_after_the_first_lines_have_an_image_root(tmp_path, column):
    rows = [{"listing_id": f"L{i}", "title": "Mug"} for i in range(5)]
    rows[3][column] = "a.jpg"
    file = lines_file(tmp_path, rows)
    summary = run("listings", file, tmp_path / "tables/out.parquet")
    assert summary.facts["image_root"] == ".."
    with pytest.raises(InputError, match=r"--image-root nowhere: directory not found"):
        run("listings", file, tmp_path / "tables/other.parquet", image_root="nowhere")


def test_clicked_with_clicks_and_impressions_is_refused(tmp_path):
    file = lines_file(tmp_path, [{**GOOD["impressions"], "clicked": 1}])
    out = tmp_path / "out.parquet"
    with pytest.raises(
        UsageError, match=r"log\.jsonl: has both clicked and clicks \+ impressions; only one is allowed"
    ) as error:
        run("impressions", file, out)
    assert error.value.hint == "Leave one out: --map clicked=, or --map clicks= --map impressions="
    assert run("impressions", file, out, map={"clicked": ""}).rows["out"] == 1
    assert run("impressions", file, out, map={"clicks": "", "impressions": ""}).rows["out"] == 1


def test_errors_in_the_mapping(tmp_path):
    file = lines_file(tmp_path, [{"item_id": 1, "uid": 2}])
    out = tmp_path / "out.parquet"
    with pytest.raises(InputError) as missing:
        run("favorites", file, out)
    assert "missing required columns user_id, listing_id" in missing.value.message
    assert "Try --map user_id=uid --map listing_id=item_id" in missing.value.hint
    with pytest.raises(UsageError) as bad_input_column:
        run("favorites", file, out, map={"listing_id": "itemid"})
    assert bad_input_column.value.hint == "Did you mean 'item_id'?"
    with pytest.raises(UsageError) as bad_table_column:
        run("favorites", file, out, map={"listng_id": "item_id"})
    assert bad_table_column.value.hint == "Did you mean 'listing_id'?"


def test_files_must_have_the_same_columns(tmp_path):
    (tmp_path / "a.csv").write_text("user_id,listing_id\nu,l\n")
    (tmp_path / "b.csv").write_text("user_id,listing_id,weight\nu,l,1\n")
    with pytest.raises(InputError, match=r"b\.csv: columns differ from a\.csv: weight"):
        run("favorites", [f"{tmp_path}/a.csv", f"{tmp_path}/b.csv"], tmp_path / "out.parquet")


@pytest.mark.usefixtures("tiny_chunks")
def test_json_keys_after_the_first_lines_are_kept(tmp_path):
    rows = [{"created_at": "2014-05-01T00:00:00Z", "listing_id": f"L{i}", "clicked": 0} for i in range(5)]
    rows[3] |= {"price": 5, "banner": True}
    out = tmp_path / "out.parquet"
    run("impressions", lines_file(tmp_path, rows), out)
    got = read_table(out, "impressions").to_pylist()
    assert [(row["price"], row["banner"]) for row in got] == [(None, None)] * 3 + [(5.0, "true"), (None, None)]
    favorites = [{"user_id": f"U{i}", "listing_id": "L"} for i in range(5)]
    favorites[3]["colour"] = "red"
    assert run("favorites", lines_file(tmp_path, favorites), out).facts["left_out"] == ["colour"]


def test_json_files_may_have_different_keys(tmp_path):
    one = lines_file(tmp_path, [{"user_id": "u", "listing_id": "l"}], "a.jsonl")
    two = lines_file(tmp_path, [{"user_id": "v", "listing_id": "l", "weight": 2}], "b.jsonl")
    run("favorites", [one, two], tmp_path / "out.parquet")
    assert read_table(tmp_path / "out.parquet", "favorites")["weight"].to_pylist() == [None, 2.0]


def test_other_columns_of_impressions_are_kept_as_text(tmp_path):
    (tmp_path / "x.csv").write_text(",when,listing_id,clicked,campaign\n0,881250949,L,1,spring\n")
    out = tmp_path / "out.parquet"
    summary = run("impressions", str(tmp_path / "x.csv"), out, map={"created_at": "when"}, time_unit="s")
    assert summary.facts["left_out"] == ["column_1"]
    assert read_table(out, "impressions", ["clicked", "campaign"]).to_pylist() == [{"clicked": 1, "campaign": "spring"}]


def test_invalid_options_are_usage_errors(tmp_path):
    file = lines_file(tmp_path, [GOOD["searches"]])
    with pytest.raises(UsageError, match="--tz Mars/Base"):
        run("searches", file, tmp_path / "out.parquet", tz="Mars/Base")
    with pytest.raises(UsageError, match="unknown event 'look'"):
        run("searches", file, tmp_path / "out.parquet", event_map={"view": "look"})
    with pytest.raises(UsageError, match="unknown table"):
        run("search", file, tmp_path / "out.parquet")


INGEST = """
import sys
from pathlib import Path
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
print(ingest("listings", [sys.argv[1]], out=Path(sys.argv[2]), config=IngestConfig(max_bad_rate=1)).rows)
"""


def process(*arguments: str, **options) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", INGEST, *arguments], cwd=REPOSITORY, **options)


def test_stdin(tmp_path):
    data = gzip.compress(b"listing_id,title\na,A\nb,B\n")
    ingesting = process("-", str(tmp_path / "out.parquet"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert b"'out': 2" in ingesting.communicate(data)[0]
    assert names_in(tmp_path) == ["out.parquet", "out.rejects.jsonl", "out.run.json"]


def test_a_killed_ingest_writes_no_table_and_the_next_run_gives_the_same_bytes(tmp_path):
    rows = [{"listing_id": f"L{i % 290_000}", "title": f"Mug {i}"} for i in range(300_000)]
    file = lines_file(tmp_path, rows)
    out = tmp_path / "killed/out.parquet"
    running = process(file, str(out))
    partial = out.parent / ".out.partial/table.parquet"
    while running.poll() is None and not (partial.exists() and partial.stat().st_size):
        time.sleep(0.005)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert partial.exists(), "the process ended before it could be killed"
    assert not out.exists()
    for place in (out, tmp_path / "whole/out.parquet"):
        assert process(file, str(place), stdout=subprocess.DEVNULL).wait() == 0
    for name in ("out.parquet", "out.rejects.jsonl"):
        assert (out.parent / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


REAL = [
    ("listings", "market/listings.csv", {}, {"in": 6_000, "out": 6_000}),
    ("favorites", "market/favorites.csv.gz", {}, {"in": 49_242, "out": 49_242}),
    (
        "favorites",
        "movielens-100k/ml-100k.inter.gz",
        {"map": {"listing_id": "item_id", "weight": "rating", "created_at": "timestamp"}, "time_unit": "s"},
        {"in": 100_000, "out": 100_000},
    ),
    (
        "listings",
        "movielens-100k/ml-100k.item",
        {"map": {"listing_id": "item_id", "title": "movie_title", "tags": "class"}},
        {"in": 1_682, "out": 1_682},
    ),
    (
        "listings",
        "bookcrossing/items_info_as_published.tsv.gz",
        {"map": {"listing_id": "Book_ID", "title": "Book-Title", "shop_id": "Publisher"}, "max_bad_rate": 0.1},
        {"in": 17_384, "out": 16_411, "rejected": 973},
    ),
    (
        "impressions",
        "upworthy/variants_before_2014-07.csv.gz",
        {"map": {"created_at": "created_ts", "listing_id": "eyecatcher_id"}, "time_unit": "s"},
        {"in": 10_385, "out": 10_363, "rejected": 22},
    ),
    (
        "impressions",
        "open-bandit/bts/men.csv.gz",
        {"map": {"created_at": "timestamp", "listing_id": "item_id", "clicked": "click"}},
        {"in": 10_000, "out": 10_000},
    ),
]


@pytest.mark.parametrize(("table", "file", "config", "rows"), REAL, ids=[case[1] for case in REAL])
def test_real_logs(tmp_path, table, file, config, rows):
    if not (DATA / file).exists():
        pytest.skip(f"no shared/data/{file} next to the checkout")
    out = tmp_path / "out.parquet"
    summary = run(table, str(DATA / file), out, **config)
    assert summary.rows == {"merged": 0, "rejected": 0} | rows
    assert identity_holds(summary.rows, out)


def test_bookcrossing_trailing_empty_fields_are_counted_and_stray_tabs_rejected(tmp_path):
    file = DATA / "bookcrossing/items_info_as_published.tsv.gz"
    if not file.exists():
        pytest.skip("no shared/data/bookcrossing next to the checkout")
    names = {"listing_id": "Book_ID", "title": "Book-Title"}
    with pytest.raises(DataError, match="973 of 17,384 rows are bad"):
        run("listings", str(file), tmp_path / "out.parquet", map=names)
    summary = run("listings", str(file), tmp_path / "out.parquet", map=names, max_bad_rate=0.1)
    assert summary.facts["trailing_empty_fields"] == 16_411
    assert summary.facts["reasons"] == {"wrong number of fields": 973}
