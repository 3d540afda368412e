"""Lists in files: ranked lists round-trip in every format."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.io.ranked import RankedItem, RankedList, Reason
from etsyml_cli.io.runs import spreadsheet_safe, write_documents, write_lists
from tests.places import names_in

RANKED = RankedList(
    query="red  scarf",
    items=[
        RankedItem(rank=1, id="L5", score=0.1, title="=HYPERLINK(1)"),
        RankedItem(rank=2, id="L2", score=-2.5, title="Scarf, 80 cm"),
    ],
)
EMPTY = RankedList(query="nothing", items=[])


def test_jsonl_has_one_list_per_line(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    assert write_lists([RANKED, EMPTY], path, subject="query") == 2
    lines = path.read_text().splitlines()
    assert lines[0].startswith('{"schema_version":1,"query":"red  scarf","items":[{"rank":1,"id":"L5","score":0.1,')
    assert [msgspec.json.decode(line, type=RankedList) for line in lines] == [RANKED, EMPTY]


def test_fields_without_a_value_are_omitted_from_the_json() -> None:
    why = [Reason(what="word", word="wool", adds=0.25), Reason(what="photo", adds=0.5)]
    ranked = RankedList(listing_id="L1", variant="text", items=[RankedItem(rank=1, id="L2", score=0.75, why=why)])
    reasons = '[{"what":"word","word":"wool","adds":0.25},{"what":"photo","adds":0.5}]'
    items = f'[{{"rank":1,"id":"L2","score":0.75,"why":{reasons}}}]'
    expected = f'{{"schema_version":1,"listing_id":"L1","variant":"text","items":{items}}}'
    assert msgspec.json.encode(ranked).decode() == expected


def test_an_empty_title_and_a_false_flag_are_values() -> None:
    ranked = RankedList(user_id="U1", fallback=False, items=[RankedItem(rank=1, id="L2", score=1.0, title="")])
    encoded = msgspec.json.encode(ranked)
    assert b'"fallback":false' in encoded and b'"title":""' in encoded


def test_documents_are_written_with_their_own_columns(tmp_path: Path) -> None:
    style = {"style": 3, "items": [{"rank": 1, "lift": 2.0}, {"rank": 2, "lift": 1.5}]}
    assert write_documents([style], tmp_path / "styles.csv", columns=["style", "rank", "lift"]) == 1
    assert (tmp_path / "styles.csv").read_text() == "style,rank,lift\n3,1,2.0\n3,2,1.5\n"
    with pytest.raises(UsageError, match=r"styles\.trec"):
        write_documents([style], tmp_path / "styles.trec", columns=["style", "rank"])


def test_csv_has_one_row_per_listing_and_escapes_formulas(tmp_path: Path) -> None:
    path = tmp_path / "lists.csv"
    write_lists([RANKED, EMPTY], path, subject="query")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["query", "rank", "id", "score", "title"],
        ["red  scarf", "1", "L5", "0.1", "'=HYPERLINK(1)"],
        ["red  scarf", "2", "L2", "-2.5", "Scarf, 80 cm"],  # a negative number is not text
    ]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_execute_is_escaped(text: str) -> None:
    assert spreadsheet_safe(text) == "'" + text


@pytest.mark.parametrize("value", ["plain", "", "1-2", -1.5, None])
def test_other_cells_are_unchanged(value: object) -> None:
    assert spreadsheet_safe(value) == value


def test_parquet_keeps_types_if_an_item_has_no_title(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    lists = [
        RankedList(user_id="U1", fallback=False, items=[RankedItem(rank=1, id="L1", score=2.0)]),
        RankedList(user_id="U2", fallback=True, items=[RankedItem(rank=1, id="L2", score=1.0, title="Cap")]),
    ]
    write_lists(lists, path, subject="user_id")
    assert pq.read_table(path).to_pylist() == [
        {"user_id": "U1", "rank": 1, "id": "L1", "score": 2.0, "title": None, "fallback": False},
        {"user_id": "U2", "rank": 1, "id": "L2", "score": 1.0, "title": "Cap", "fallback": True},
    ]


def test_empty_lists_give_an_empty_parquet_file_with_all_columns(tmp_path: Path) -> None:
    write_lists([EMPTY], tmp_path / "lists.parquet", subject="query")
    table = pq.read_table(tmp_path / "lists.parquet")
    assert table.num_rows == 0
    assert table.column_names == ["query", "rank", "id", "score", "title"]


def test_a_trec_query_id_joins_the_words(tmp_path: Path) -> None:
    path = tmp_path / "lists.trec"
    write_lists([RANKED], path, subject="query")
    assert path.read_text() == "red_scarf Q0 L5 1 0.1 etsyml\nred_scarf Q0 L2 2 -2.5 etsyml\n"


def test_an_id_with_a_space_is_refused_in_a_trec_run_and_leaves_no_file(tmp_path: Path) -> None:
    bad = RankedList(query="x", items=[RankedItem(rank=1, id="L 5", score=0.1)])
    with pytest.raises(DataError, match="'L 5'"):
        write_lists([bad], tmp_path / "lists.trec", subject="query")
    assert names_in(tmp_path) == []


def test_an_unknown_extension_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    def never():  # type: ignore[no-untyped-def]
        raise AssertionError("must not be called")
        yield

    with pytest.raises(UsageError) as raised:
        write_lists(never(), tmp_path / "lists.jsnl", subject="query")
    assert raised.value.hint == "Did you mean '.jsonl'?"


def test_an_error_while_ranking_keeps_the_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    write_lists([EMPTY], path, subject="query")
    old = path.read_bytes()

    def failing():  # type: ignore[no-untyped-def]
        yield RANKED
        raise DataError("broken")

    with pytest.raises(DataError):
        write_lists(failing(), path, subject="query")
    assert path.read_bytes() == old
    assert names_in(tmp_path) == ["lists.jsonl"]
