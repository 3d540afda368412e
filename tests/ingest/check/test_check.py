"""`ingest --check`: guesses from names and values, first rejects, the next command; no files are written."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.ingest.check.check import check
from etsyml_cli.ingest.check.guess import guess_event_map, guess_kind
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.ingest.time_unit import unit_that_fits
from etsyml_cli.io.tables import read_table
from tests.conftest import REPOSITORY, Etsyml
from tests.places import names_in

DATA = REPOSITORY.parent / "shared/data"


def check_rows(folder: Path, table: str, rows: list[dict], **config):
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return check(table, [str(path)], config=IngestConfig(**config))


def test_map_unit_and_events_are_guessed(tmp_path):
    rows = [
        {
            "queryId": f"s{i}",
            "visit": f"v{i}",
            "searchTerm": "mug",
            "ItemID": i,
            "Rank": i + 1,
            "action": action,
            "ts": 1398902403 + i,
        }
        for i, action in enumerate(["view", "add_to_cart", "click", "Buy"])
    ]
    report = check_rows(tmp_path, "searches", rows)
    assert report.config.map == {
        "search_id": "queryId", "query": "searchTerm", "listing_id": "ItemID", "position": "Rank", "event": "action",
        "created_at": "ts", "session_id": "visit",
    }  # fmt: skip
    assert report.config.time_unit == "s"
    assert report.config.event_map == {"view": "impression", "add_to_cart": "cart", "Buy": "purchase"}
    assert (report.missing, report.trial.rejected, report.trial.rows_looked_at) == ([], {}, 4)
    assert {column.name: column.kind for column in report.columns} == {
        "queryId": "text", "visit": "text", "searchTerm": "text", "ItemID": "whole number", "Rank": "whole number", "action": "event",
        "ts": "time as number",
    }  # fmt: skip
    assert (
        ingest("searches", [f"{tmp_path}/log.jsonl"], out=tmp_path / "o.parquet", config=report.config).rows["out"] == 4
    )


def test_the_command_is_complete(tmp_path):
    rows = [{"user": "u", "my item": "i", "time": "2014-05-01 10:00:00"}]
    report = check_rows(tmp_path, "favorites", rows, map={"listing_id": "my item"}, max_bad_rate=0.2)
    assert shlex.split(report.command) == [
        "etsyml", "ingest", "favorites", f"{tmp_path}/log.jsonl", "--map", "listing_id=my item", "--map", "user_id=user",
        "--map", "created_at=time", "--tz", "UTC", "--max-bad-rate", "0.2",
    ]  # fmt: skip


def test_no_command_is_printed_if_a_column_is_missing(tmp_path):
    report = check_rows(tmp_path, "favorites", [{"user_id": "u", "mystery": "x"}])
    assert report.missing == ["listing_id"]
    assert report.command is None
    assert report.trial.problem == "no column found for listing_id"
    assert "--map listing_id=COLUMN" in report.trial.hint
    assert report.trial.rejects == []


def test_a_column_is_not_guessed_if_its_values_do_not_fit(tmp_path):
    report = check_rows(
        tmp_path, "listings", [{"id": 1, "name": "Mug", "cost": "on request", "picture": "https://x/y.jpg"}]
    )
    assert report.config.map == {"listing_id": "id", "title": "name"}


def test_photo_lists_are_guessed_from_name_and_values(tmp_path):
    row = {"id": 1, "name": "Mug", "photo": "a.jpg", "photos": ["a.jpg", "b.jpg"]}
    assert check_rows(tmp_path, "listings", [row]).config.map == {
        "listing_id": "id", "title": "name", "image": "photo", "images": "photos",
    }  # fmt: skip
    assert "images" not in check_rows(tmp_path, "listings", [{**row, "photos": ["https://x/y.jpg"]}]).config.map


def test_a_second_column_of_clicks_is_not_guessed(tmp_path):
    row = {"created_at": "2014-05-01T00:00:00Z", "listing_id": "L", "click": 1, "n_clicks": 2, "views": 3}
    assert check_rows(tmp_path, "impressions", [row]).config.map == {"clicked": "click", "clicks": "n_clicks"}
    report = check_rows(tmp_path, "impressions", [row], map={"clicked": ""})
    assert report.config.map == {"clicked": "", "clicks": "n_clicks", "impressions": "views"}


def test_first_rejects_are_shown_and_no_file_is_written(tmp_path):
    rows = [{"listing_id": f"L{i}", "title": "", "price": 1} for i in range(8)]
    report = check_rows(tmp_path, "listings", rows)
    assert report.trial.rejected == {"missing value": 8}
    assert report.command is None
    assert [(reject.line, reject.field) for reject in report.trial.rejects] == [(line, "title") for line in range(1, 6)]
    assert names_in(tmp_path) == ["log.jsonl"]


def test_an_invalid_map_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no column 'usr'"):
        check_rows(tmp_path, "favorites", [{"user": 1, "item": 2}], map={"user_id": "usr"})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], "empty"),
        (["0", "1"], "flag"),
        ([3, 4], "whole number"),
        (["3.5", "4"], "number"),
        (["2014-05-01T00:00:00Z"], "time"),
        (["2014-05-01"], "time without zone"),
        ([1398902403000], "time as number"),
        ([20140501, "20140502"], "time without zone"),
        (["14102100", "14102123"], "time without zone"),
        (["2014102100", "2014102101"], "time without zone"),
        (["2014-05-01 10:00:00 UTC"], "time"),
        ([45352, 45353], "whole number"),
        (["view", "click"], "event"),
        ([["a"]], "list"),
        (["a word"], "text"),
    ],
)
def test_kinds(values, kind):
    assert guess_kind(values) == kind


@pytest.mark.parametrize("unit", [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_units_are_guessed_from_the_magnitude(unit):
    name, scale = unit
    assert unit_that_fits([881250949 * scale, str(1398902403 * scale)]) == name
    assert unit_that_fits([201308, 201309]) is None


def test_the_user_event_map_is_kept():
    assert guess_event_map(["view", "hover", "click"], {"hover": "click"}) == {"hover": "click", "view": "impression"}


REAL = [
    ("favorites", "gowalla/train.csv.gz", "--map listing_id=item_id"),
    (
        "favorites",
        "movielens-100k/ml-100k.inter.gz",
        "--map listing_id=item_id --map created_at=timestamp --map weight=rating --time-unit s",
    ),
    (
        "impressions",
        "open-bandit/bts/men.csv.gz",
        "--map created_at=timestamp --map listing_id=item_id --map clicked=click",
    ),
    ("searches", "market/searches.csv.gz", ""),
]


@pytest.mark.parametrize(("table", "file", "options"), REAL, ids=[case[1] for case in REAL])
def test_real_logs(table, file, options):
    if not (DATA / file).exists():
        pytest.skip(f"no shared/data/{file} next to the checkout")
    report = check(table, [str(DATA / file)], config=IngestConfig())
    assert report.command == f"etsyml ingest {table} {DATA / file} {options}".strip()
    assert report.trial.rows_looked_at == 10_000


def test_no_command_is_printed_for_a_real_log_with_too_many_bad_rows():
    path = DATA / "bookcrossing/items_info_as_published.tsv.gz"
    if not path.exists():
        pytest.skip("no shared/data next to the checkout")
    report = check("listings", [str(path)], config=IngestConfig())
    assert report.config.map["listing_id"] == "Book_ID"
    assert report.command is None
    assert "rows are bad" in report.trial.problem


def test_prices_with_a_decimal_comma_get_the_option(tmp_path, etsyml: Etsyml):
    file = tmp_path / "preise.csv"
    rows = [f"L{i};Tasse {i};{i},5{i}" for i in range(1, 6)]
    file.write_text("\n".join(["listing_id;title;price", *rows]))
    report = json.loads(etsyml("-w", tmp_path, "ingest", "listings", file, "--check").out)
    assert "--decimal ," in report["command"]
    assert etsyml(*shlex.split(report["command"])[1:]).code == 0
    assert read_table(tmp_path / "tables/listings.parquet", "listings", ["price"])["price"].to_pylist()[0] == 1.51
