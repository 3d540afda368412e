"""The command that `ingest --check` prints works: many odd files, each command run through the CLI."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shlex
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etsyml_cli.cli.main import run
from etsyml_cli.ingest.check.command import command_for
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.io.schema import TABLES
from tests.conftest import Etsyml

NAMES = [
    "listing_id", "ItemID", "itemid", "visitorid", "user_id", "reviewerID", "asin", "Handle", "Titel", "title", "name",
    "tags", "Genre", "Body (HTML)", "Regular price", "price", "Preis", "Stock", "image", "images", "Image Src", "event",
    "action", "session_id", "query_id", "query", "q", "rank", "position", "clicked", "click", "n_clicks", "impressions",
    "views", "timestamp", "date", "created_at", "rating", "weight", "a=b", "two words", "x,y", "-dash", "quote\"d", "é",
]  # fmt: skip
VALUES = [
    "", "1", "0", "2", "17", "-2", "3.5", "1e400", "NaN", "mug", "Oak bowl", "a,b", "a|b", "https://x/1.jpg", "a.jpg",
    "../up.jpg", "view", "click", "buy", "add_to_cart", "hover", "2024-05-01", "2024-05-01 10:00:00", "1398902403",
    "1398902403000", "2024-05-01T10:00:00Z", "POA", "€ 3,50", "a=b", "\x00", "=1+1", "a\nb", "\t",
]  # fmt: skip

COLUMNS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=7, unique=True)


@st.composite
def tables(draw) -> tuple[list[str], list[list[str]]]:
    """A header and rows; each column draws from few values, so that most columns are of one kind."""
    header = draw(COLUMNS)
    pools = [draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3)) for _ in header]
    n_rows = draw(st.integers(1, 6))
    ids = draw(st.booleans())  # whether the first column is a key
    rows = [[draw(st.sampled_from(pool)) for pool in pools] for _ in range(n_rows)]
    return header, [[str(i), *row[1:]] for i, row in enumerate(rows)] if ids else rows


def cli(*arguments: str | Path) -> tuple[int, str, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def write(folder: Path, header: list[str], rows: list[list[str]], form: str) -> Path:
    path = folder / f"the file.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows))
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=";" if form == "csv" else "\t").writerows([header, *rows])
    return path


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(content=tables(), table=st.sampled_from(list(TABLES)), form=st.sampled_from(["csv", "tsv", "jsonl"]))
def test_a_printed_command_works_and_otherwise_the_report_says_what_to_do(content, table, form):
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), *content, form)
        code, out, err = cli("-w", folder, "ingest", table, file, "--check", "--json")
        if code:
            assert code in (2, 3, 4)
            assert err.startswith("error: ")
            return
        report = json.loads(out)
        if report["command"] is None:
            assert report["problem"]
            return
        code, _, err = cli(*shlex.split(report["command"])[1:])
        assert code == 0, (report["command"], err)


GOOD = {
    "listings": (["ItemID", "Titel", "Preis", "Genre"], [["1", "Mug", "3", "a|b"], ["2", "Bowl", "4", "c"]]),
    "favorites": (["visitorid", "itemid", "timestamp"], [["u", "1", "1398902403000"], ["u", "2", "1398902404000"]]),
    "searches": (
        ["query_id", "q", "asin", "rank", "action", "date"],
        [["s", "mug", "1", "1", "view", "2024-05-01 10:00:00"], ["s", "mug", "2", "2", "buy", "2024-05-01 10:00:00"]],
    ),
    "impressions": (["time", "parent_asin", "click"], [["2024-05-01", "1", "0"], ["2024-05-01", "2", "1"]]),
}


@pytest.mark.parametrize("table", GOOD)
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_good_file_always_gets_a_command(tmp_path, table, form):
    file = write(tmp_path, *GOOD[table], form)
    report = json.loads(cli("-w", tmp_path, "ingest", table, file, "--check", "--json")[1])
    assert (report["command"] is None, report["problem"]) == (False, None)
    assert cli(*shlex.split(report["command"])[1:])[0] == 0


def test_names_in_other_spellings_are_guessed(tmp_path):
    header = ["reviewerID", "parent_asin", "Rating", "Timestamp"]
    file = write(tmp_path, header, [["u", "B1", "5", "1398902403"]], "csv")
    report = json.loads(cli("ingest", "favorites", file, "--check", "--json")[1])
    assert report["config"]["map"] == dict(zip(["user_id", "listing_id", "weight", "created_at"], header, strict=True))
    for name in ("BookID", "bookid", "book_id", "BOOK-ID"):
        file = write(tmp_path, [name, "Título", "Étiquettes"], [["1", "Moby", "whale"]], "csv")
        report = json.loads(cli("ingest", "listings", file, "--check", "--json")[1])
        assert report["config"]["map"] == {"listing_id": name, "title": "Título", "tags": "Étiquettes"}


def test_an_id_is_not_read_from_a_column_with_gaps(tmp_path):
    file = write(tmp_path, ["SKU", "ID", "Name"], [["A", "1", "Mug"], ["", "2", "Bowl"]], "csv")
    report = json.loads(cli("ingest", "listings", file, "--check", "--json")[1])
    assert report["config"]["map"] == {"listing_id": "ID", "title": "Name"}
    file = write(tmp_path, ["SKU", "Name"], [["A", "Mug"], ["", "Bowl"]], "csv")
    report = json.loads(cli("ingest", "listings", file, "--check", "--json")[1])
    assert (report["command"], "SKU is empty in 50% of the rows" in report["hint"]) == (None, True)


def test_bad_rows_are_not_to_be_inspected_with_the_command_that_shows_them(tmp_path):
    file = tmp_path / "f.csv"
    file.write_text("user_id,listing_id\nu,1\nu\n")
    report = json.loads(cli("ingest", "favorites", file, "--check", "--json")[1])
    assert report["rejected"] == {"wrong number of fields": 1}
    assert report["hint"].startswith("Fix these rows, leave a column out")


def test_columns_of_urls_are_named_and_left_out(tmp_path):
    rows = [["1", "Mug", "https://x/1.jpg, https://x/2.jpg", "on request"], ["2", "Cup", "https://x/3.jpg", "3.5"]]
    file = write(tmp_path, ["id", "title", "images", "price"], rows, "csv")
    report = json.loads(cli("ingest", "listings", file, "--check", "--json")[1])
    assert {column["name"]: column["kind"] for column in report["columns"]}["images"] == "URLs"
    assert report["config"]["map"] == {"images": "", "price": "", "listing_id": "id"}


def test_a_failing_check_says_what_is_wrong_on_a_terminal(tmp_path, etsyml: Etsyml, monkeypatch):
    monkeypatch.setattr("etsyml_cli.cli.show.is_interactive", lambda: True)
    file = write(tmp_path, ["id", "title", "Image Src"], [["1", "", "https://x/1.jpg"], ["2", "Cup", ""]], "csv")
    ended = etsyml("ingest", "listings", file, "--check")
    assert ended.code == 0
    assert "Next:" not in ended.out
    assert "no command yet: 1 of 2 rows are bad (50.0%, allowed 1.0%): 1 missing value" in ended.out
    assert "URLs, not read: Image Src" in ended.out
    ended = etsyml("ingest", "listings", file, "--check", "--max-bad-rate", "0.5")
    assert "Next: etsyml ingest listings" in ended.out
    assert ended.out.rstrip().endswith("--max-bad-rate 0.5")


def test_the_counts_of_the_summary_are_shown_on_a_terminal(tmp_path, etsyml: Etsyml, monkeypatch):
    monkeypatch.setattr("etsyml_cli.cli.show.is_interactive", lambda: True)
    file = tmp_path / "f.csv"
    file.write_text("listing_id,title\na,Mug\na,\nb,Cup,\n")
    out = etsyml("ingest", "listings", file, "--check").out
    assert "0 of the first 3 rows would be rejected, 1 merged\n  trailing empty fields: 1\n" in out


def test_a_command_has_all_options_that_are_not_the_default(tmp_path, etsyml: Etsyml):
    config = IngestConfig(
        map={"weight": "n", "created_at": ""}, delimiter=";", columns=("user_id", "listing_id", "n"), tz="UTC",
        event_map={"a=b": "click"}, only={"n": ("1", "2")}, empty=("-",), max_bad_rate=0.2, time_unit="s", quote=None,
    )  # fmt: skip
    words = shlex.split(command_for("favorites", ["a file.csv"], "shopify", config))
    assert words[:6] == ["etsyml", "ingest", "favorites", "a file.csv", "--preset", "shopify"]
    assert words[6:] == [
        "--map", "weight=n", "--map", "created_at=", "--columns", "user_id,listing_id,n", "--delimiter", ";",
        "--set", "quote=null", "--set", 'empty=["-"]', "--tz", "UTC", "--time-unit", "s",
        "--set", 'event_map={"a=b": "click"}', "--only", "n=1,2", "--max-bad-rate", "0.2",
    ]  # fmt: skip
