"""Events of any shop as tables: --only, --weight-map and --drop, end to end."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.tables import read_table, table_manifest
from tests.conftest import Etsyml

EVENTS = [
    {"visitor": "u1", "item": "a", "event": "view", "bought": False, "kind": 1},
    {"visitor": "u1", "item": "a", "event": "Transaction", "bought": True, "kind": 3},
    {"visitor": "u2", "item": "b", "event": "addtocart", "bought": False, "kind": 2},
    {"visitor": "u3", "item": "b", "event": "transaction ", "bought": True, "kind": 3},
]
IDS = ("--map", "user_id=visitor", "--map", "listing_id=item")


def write(folder: Path, rows: list[dict], suffix: str = "jsonl") -> Path:
    path = folder / f"events.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path


def favorites(workspace: Path) -> list[tuple]:
    columns = ["user_id", "listing_id", "weight"]
    rows = read_table(workspace / "tables/favorites.parquet", "favorites", columns).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def counts(workspace: Path, table: str = "favorites") -> tuple[dict[str, int], dict[str, int]]:
    manifest = table_manifest(workspace / f"tables/{table}.parquet")
    return manifest.rows, manifest.facts["excluded"]


# --only


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("only", ["event=transaction", "kind=3", "bought=true", "event=TRANSACTION,refund"])
def test_only_takes_rows_by_the_text_of_their_cells_in_every_format(tmp_path, suffix, only, etsyml: Etsyml):
    path = write(tmp_path, EVENTS, suffix)
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, "--only", only)
    assert ended.code == 0, ended.err
    assert favorites(tmp_path) == [("u1", "a", None), ("u3", "b", None)]
    assert counts(tmp_path) == ({"in": 4, "out": 2, "merged": 0, "rejected": 0, "excluded": 2}, {"only": 2})
    assert "wrote 2 rows (4 read, 0 merged, 0 rejected, 2 excluded)" in ended.err


def test_several_columns_must_all_have_one_of_their_values(tmp_path, etsyml: Etsyml):
    options = ("--only", "event=transaction,addtocart", "--only", "visitor=u2,u3")
    assert etsyml("-w", tmp_path, "ingest", "favorites", write(tmp_path, EVENTS), *IDS, *options).code == 0
    assert [row[0] for row in favorites(tmp_path)] == ["u2", "u3"]


def test_only_counts_unreadable_and_invalid_rows_as_rejected(tmp_path, etsyml: Etsyml):
    path = write(tmp_path, [*EVENTS, {"visitor": "u4", "event": "transaction"}, {"visitor": "u5", "event": "view"}])
    path.write_text(path.read_text() + "{\n")
    options = ("--only", "event=transaction", "--set", "max_bad_rate=0.5")
    assert etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, *options).code == 0
    assert counts(tmp_path)[0] == {"in": 7, "out": 2, "merged": 0, "rejected": 2, "excluded": 3}
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, *options[:2], "--max-bad-rate", "0.4")
    assert ended.code == 4
    assert "2 of 4 rows are bad (50.0%, allowed 40.0%)" in ended.err


def test_a_value_without_a_row_is_refused_with_the_values_that_exist(tmp_path, etsyml: Etsyml):
    ended = etsyml("-w", tmp_path, "ingest", "favorites", write(tmp_path, EVENTS), *IDS, "--only", "event=purchase")
    assert ended.code == 4
    assert "--only event=purchase: not found in any row" in ended.err
    assert "event has view, Transaction, addtocart, transaction" in ended.err


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_an_unknown_column_of_only_is_a_usage_error(tmp_path, check, etsyml: Etsyml):
    path = write(tmp_path, EVENTS)
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, "--only", "evnt=view", *check)
    assert ended.code == 2
    assert "events.jsonl has no column 'evnt'" in ended.err
    assert "Did you mean 'event'?" in ended.err


ROWS = st.lists(st.fixed_dictionaries({"id": st.integers(0, 9), "v": st.sampled_from(["a", "B", 1, 1.0, True, None, "true", "é"])}), min_size=1, max_size=30)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(rows=ROWS, wanted=st.lists(st.sampled_from(["a", "b", "1", "TRUE", "É"]), min_size=1, max_size=2))
def test_every_row_is_counted_once(tmp_path_factory, rows, wanted):
    folder = tmp_path_factory.mktemp("only")
    path = write(folder, [{"user_id": f"U{row['id']}", "listing_id": "L", "v": row["v"]} for row in rows])

    def text(value: object) -> str | None:
        return {True: "1" if value is not True else "true"}.get(value == 1, value and str(value).lower())  # type: ignore[call-overload]

    taken = [row for row in rows if text(row["v"]) in {value.lower() for value in wanted}]
    config = IngestConfig(only={"v": tuple(wanted)})
    if not taken:
        return
    summary = ingest("favorites", [str(path)], out=folder / "out.parquet", config=config)
    users = len({row["id"] for row in taken})
    assert summary.rows == {
        "in": len(rows), "out": users, "merged": len(taken) - users, "rejected": 0, "excluded": len(rows) - len(taken),
    }  # fmt: skip


# --weight-map

WEIGHTS = ("--map", "weight=event", "--weight-map", "view=1, addtocart=3,transaction=5.5")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_favorites_are_weighed_by_their_event_and_keep_the_largest_weight(tmp_path, suffix, etsyml: Etsyml):
    path = write(tmp_path, EVENTS, suffix)
    assert etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, *WEIGHTS).code == 0
    assert favorites(tmp_path) == [("u1", "a", 5.5), ("u2", "b", 3.0), ("u3", "b", 5.5)]


def test_weights_of_numbers_add_up_if_set(tmp_path, etsyml: Etsyml):
    options = ("--map", "weight=kind", "--weight-map", "1=1,2=2,3=4", "--set", "merge_weights=sum")
    assert etsyml("-w", tmp_path, "ingest", "favorites", write(tmp_path, EVENTS), *IDS, *options).code == 0
    assert favorites(tmp_path) == [("u1", "a", 5.0), ("u2", "b", 2.0), ("u3", "b", 4.0)]


def test_a_text_without_a_weight_is_rejected_and_the_hint_works(tmp_path, etsyml: Etsyml):
    rows = [*EVENTS, {"visitor": "u9", "item": "a", "event": ""}]
    command = ("-w", tmp_path, "ingest", "favorites", write(tmp_path, rows), *IDS, *WEIGHTS[:2])
    ended = etsyml(*command, "--weight-map", "addtocart=3,transaction=5")
    assert ended.code == 4
    assert "events.jsonl:1: weight: no weight for this text; events.jsonl:5: weight: missing value" in ended.err
    assert "--only COLUMN=VALUE" in ended.err
    only = ("--only", "event=addtocart,transaction")
    assert etsyml(*command, "--weight-map", "addtocart=3,transaction=5", *only).code == 0
    assert len(favorites(tmp_path)) == 3


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("view=much", "--weight-map view=much: not a number"),
        ("view=nan", "--weight-map view=nan: not a finite number"),
        ("view", "--weight-map view: expected NAME=VALUE"),
        ("view=1,view=2", "--weight-map: view is given twice"),
        ("", "--weight-map : expected NAME=VALUE"),
    ],
)
def test_bad_weights_are_usage_errors(tmp_path, weights, message, etsyml: Etsyml):
    path = write(tmp_path, EVENTS)
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, "--map", "weight=event", "--weight-map", weights)
    assert (ended.code, ended.err.splitlines()[0]) == (2, f"error: {message}")


def test_options_without_effect_are_refused(tmp_path, etsyml: Etsyml):
    path = write(tmp_path, EVENTS)
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, "--event-map", "transaction=purchase")
    assert ended.code == 2
    assert "--event-map: no effect on favorites" in ended.err
    assert "--only COLUMN=VALUE" in ended.err
    assert "--weight-map VALUE=NUMBER" in ended.err
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, "--weight-map", "view=1")
    assert ended.code == 2
    assert "--map weight=COLUMN" in ended.err
    assert etsyml("-w", tmp_path, "ingest", "listings", path, "--drop", "bots").code == 2
    assert etsyml("-w", tmp_path, "ingest", "searches", path, "--weight-map", "view=1").code == 2
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, *IDS, "--drop", "robots")
    assert ended.code == 2
    assert "Choose from: bots, owner." in ended.err or "Did you mean 'bots'?" in ended.err


# --drop

DAY = "2020-01-{:02}T10:00:00Z"


def log() -> list[dict]:
    """Events of a crawler (5 on one day, 1 on another), of an owner on its own listing, and of customers."""
    rows = [{"user_id": "crawler", "listing_id": f"L{i}", "created_at": DAY.format(1)} for i in range(5)]
    rows += [{"user_id": "crawler", "listing_id": "L9", "created_at": DAY.format(2)}]
    rows += [{"user_id": "owner", "listing_id": name, "created_at": DAY.format(2)} for name in ("L1", "L2", "L1")]
    rows += [{"user_id": "busy", "listing_id": f"L{i}", "created_at": DAY.format(i // 3 + 1)} for i in range(6)]
    return [*rows, {"user_id": "timeless", "listing_id": "L1", "created_at": None}]


def add_listings(workspace: Path, etsyml: Etsyml, *options: str) -> None:
    path = workspace / "listings.csv"
    path.write_text("listing_id,title,owner_id\nL1,Mug,owner\nL2,Vase,other\nL3,Bowl,\n")
    assert etsyml("-w", workspace, "ingest", "listings", path, *options).code == 0


BOTS = ("--set", "max_events_per_day=4")


def test_owners_and_bots_are_excluded_and_counted(tmp_path, etsyml: Etsyml):
    add_listings(tmp_path, etsyml)
    path = write(tmp_path, log())
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, "--drop", "owner,bots", *BOTS)
    assert ended.code == 0, ended.err
    assert counts(tmp_path) == (
        {"in": 16, "out": 8, "merged": 0, "rejected": 0, "excluded": 8}, {"bots": 6, "owner": 2},
    )  # fmt: skip
    assert Counter(row[0] for row in favorites(tmp_path)) == {"busy": 6, "owner": 1, "timeless": 1}
    again = etsyml("-w", tmp_path, "ingest", "favorites", path, "--drop", "owner,bots", *BOTS)
    assert "up to date" in again.err
    add_listings(tmp_path, etsyml, "--map", "owner_id=", "--map", "shop_id=owner_id")
    changed = etsyml("-w", tmp_path, "ingest", "favorites", path, "--drop", "owner,bots", *BOTS)
    assert changed.code == 3
    assert "has no owner_id" in changed.err


def test_bots_are_found_by_all_their_events_in_any_order(tmp_path, etsyml: Etsyml):
    rows = [{**row, "event": "buy" if row["listing_id"] in ("L4", "L9") else "view"} for row in log()]
    for order in (rows, rows[::-1]):
        ended = etsyml(
            "-w",
            tmp_path,
            "ingest",
            "favorites",
            write(tmp_path, order),
            "--only",
            "event=buy",
            "--drop",
            "bots",
            *BOTS,
        )
        assert ended.code == 0, ended.err
        assert favorites(tmp_path) == [("busy", "L4", None)]
        assert counts(tmp_path)[1] == {"bots": 2, "only": 13}


def test_excluded_rows_are_not_merged_into_others(tmp_path, etsyml: Etsyml):
    shown = {"search_id": "S", "listing_id": "L1", "query": "mug", "position": 2}
    rows = [{**shown, "user_id": "u", "event": "impression"}, {**shown, "user_id": "owner", "event": "purchase"}]
    add_listings(tmp_path, etsyml)
    path = write(tmp_path, rows)
    assert etsyml("-w", tmp_path, "ingest", "searches", path, "--drop", "owner").code == 0
    assert counts(tmp_path, "searches")[0] == {"in": 2, "out": 1, "merged": 0, "rejected": 0, "excluded": 1}
    assert read_table(tmp_path / "tables/searches.parquet", "searches", ["event"])["event"].to_pylist() == [
        "impression"
    ]


def test_owners_need_a_listings_table_and_bots_need_times(tmp_path, etsyml: Etsyml):
    path = write(tmp_path, log())
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, "--drop", "owner")
    assert ended.code == 3
    assert "ingest listings FILE" in ended.err
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, "--drop", "bots", "--map", "created_at=")
    assert ended.code == 3
    assert "--drop bots: missing column created_at" in ended.err


def test_listings_of_another_shop_are_refused_with_an_id_of_each_side(tmp_path, etsyml: Etsyml):
    add_listings(tmp_path, etsyml)
    rows = [{**row, "listing_id": row["listing_id"].replace("L", "item-")} for row in log()]
    ended = etsyml("-w", tmp_path, "ingest", "favorites", write(tmp_path, rows), "--drop", "owner")
    assert ended.code == 4
    assert "--drop owner: no listing of these events is in" in ended.err
    assert "item-0 in the events, L1 in the table" in ended.err


def test_nothing_left_is_an_error_with_the_counts(tmp_path, etsyml: Etsyml):
    path = write(tmp_path, log()[:6])
    ended = etsyml("-w", tmp_path, "ingest", "favorites", path, "--drop", "bots", *BOTS)
    assert ended.code == 4
    assert "all 6 rows are excluded: 6 by --drop bots" in ended.err
    assert "max_events_per_day" in ended.err


def test_check_reports_owners_and_bots(tmp_path, etsyml: Etsyml):
    path = write(tmp_path, log())
    report = json.loads(etsyml("-w", tmp_path, "ingest", "favorites", path, "--json", "--check", *BOTS).out)
    assert report["events"] == {"bots": 6}
    add_listings(tmp_path, etsyml)
    options = (*BOTS, "--only", "user_id=owner,crawler", "--drop", "owner")
    report = json.loads(etsyml("-w", tmp_path, "ingest", "favorites", path, "--json", "--check", *options).out)
    assert report["events"] == {"bots": 6, "owner": 2}
    assert report["rows"]["excluded"] == 9  # two of them by --drop owner
    assert "--only user_id=owner,crawler --drop owner" in report["command"]


# session_id


def test_a_session_is_not_taken_for_a_search(tmp_path, etsyml: Etsyml):
    rows = [{"session": "s", "query": "mug", "item": "a", "rank": 1, "action": "click"}]
    report = json.loads(etsyml("ingest", "searches", write(tmp_path, rows), "--json", "--check").out)
    assert report["missing"] == ["search_id"]
    assert {column["name"]: column["becomes"] for column in report["columns"]}["session"] == ["session_id"]


def test_a_table_without_sessions_is_read_with_empty_ones(tmp_path, etsyml: Etsyml):
    assert etsyml("-w", tmp_path, "ingest", "favorites", write(tmp_path, EVENTS), *IDS).code == 0
    table = read_table(tmp_path / "tables/favorites.parquet", "favorites", ["user_id", "session_id"])
    assert table["session_id"].null_count == table.num_rows


def test_check_on_a_terminal_says_what_can_be_excluded(tmp_path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("etsyml_cli.cli.show.is_interactive", lambda: True)
    options = (*BOTS, "--only", "user_id=busy,crawler")
    out = etsyml("-w", tmp_path, "ingest", "favorites", write(tmp_path, log()), "--check", *options).out
    assert "0 of the first 16 rows would be rejected, 4 excluded" in out
    assert "6 of the first 16 rows can be excluded by --drop bots: events of users with too many a day" in out
