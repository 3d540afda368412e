"""Scoring rows and tables with a click model."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etsyml_cli.ads.config import AdFeatures, CtrConfig
from etsyml_cli.ads.prepare import Inputs as TrainInputs
from etsyml_cli.ads.score import LINES_AT_ONCE, Inputs, holds_a_table, score_rows, score_table, write_scored_lines
from etsyml_cli.ads.train import train_ctr
from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.rng import generator
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.tables import parquet_writer, read_table, seal, table_draft
from tests.places import names_in

N = 400
FEATURES = AdFeatures(
    categorical=("listing_id", "shop_id", "position"),
    text=("query", "title", "tags"),
    crosses=(("query", "listing_id"),),
)
TAGS = ["tea", "Café cup"]


def write_table(name: str, rows: list[dict], path: Path) -> Path:
    schema = arrow_schema(table_schema(name), list(rows[0]))
    with table_draft(path, Plan(kind=f"table:{name}")) as draft:
        writer = parquet_writer(draft.table, schema)
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        seal(writer, draft)
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    rng = generator(0, "ads")
    listings = [
        {
            "listing_id": f"L{i}",
            "title": f"mug no {i}",
            "tags": TAGS,
            "shop_id": f"S{i % 2}",
            "price": 1.5 * i,
        }
        for i in range(8)
    ]
    ads = [
        {
            "impression_id": f"A{i}",
            "created_at": datetime(2024, 3, 1 + i // 100, tzinfo=UTC) + timedelta(seconds=-i),
            "listing_id": f"L{rng.integers(9)}",  # L8 is in no table
            "query": ["tea mug", "Bögeleisen", None][rng.integers(3)],
            "position": int(rng.integers(1, 4)),
            "clicked": int(rng.random() < 0.3),
        }
        for i in range(N)
    ]
    write_table("listings", listings, root / "listings.parquet")
    write_table("impressions", ads, root / "impressions.parquet")
    inputs = TrainInputs(
        log=root / "impressions.parquet",
        listings=root / "listings.parquet",
        config=CtrConfig(bits=12, features=FEATURES),
    )
    train_ctr(inputs, out=root / "model")
    return root


def scores_of(shop: Path, rows: list[dict], *, listings: bool = True) -> list[float]:
    lines = (json.dumps(row).encode() + b"\n" for row in rows)
    scored = score_rows(Inputs(shop / "model", shop / "listings.parquet" if listings else None), lines)
    return [row["score"] for row in scored]


def write_scores(shop: Path, out: Path, *, force: bool = False):
    inputs = Inputs(shop / "model", shop / "listings.parquet")
    return score_table(inputs, shop / "impressions.parquet", out=out, force=force)


def test_a_table_and_its_rows_as_json_get_the_same_scores(shop, tmp_path):
    summary = write_scores(shop, tmp_path / "scores.parquet")
    table = pq.read_table(tmp_path / "scores.parquet")
    assert summary.rows == {"out": N}
    assert table.column_names == ["impression_id", "created_at", "listing_id", "score"]
    shown = read_table(shop / "impressions.parquet", "impressions")
    assert table["impression_id"] == shown["impression_id"]  # in the table's own order
    rows = shown.drop_columns(["created_at", "clicked"]).to_pylist()
    assert scores_of(shop, rows) == table["score"].to_pylist()
    assert len(set(table["score"].to_pylist())) > 10


def test_scores_are_written_once(shop, tmp_path):
    assert not write_scores(shop, tmp_path / "scores.parquet").up_to_date
    first = (tmp_path / "scores.parquet").read_bytes()
    assert write_scores(shop, tmp_path / "scores.parquet").up_to_date
    assert not write_scores(shop, tmp_path / "scores.parquet", force=True).up_to_date
    assert (tmp_path / "scores.parquet").read_bytes() == first
    assert names_in(tmp_path) == ["scores.parquet"]


def test_a_row_keeps_its_fields(shop):
    row = b'{"listing_id": "L1", "mine": [1, {"a": null}]}'
    (scored,) = score_rows(Inputs(shop / "model", None), [row])
    assert 0 < scored.pop("score") < 1
    assert scored == {"listing_id": "L1", "mine": [1, {"a": None}]}


def test_missing_null_and_unknown_fields_are_no_features(shop):
    bare, null, unknown = scores_of(shop, [{}, {"query": None, "listing_id": None}, {"what": "ever"}])
    assert bare == null == unknown


def test_listing_values_can_be_in_the_row(shop):
    looked_up = scores_of(shop, [{"listing_id": "L3", "query": "tea mug"}])
    own = {"title": "mug no 3", "tags": TAGS, "shop_id": "S1", "price": 4.5}
    told = scores_of(shop, [{"listing_id": "L3", "query": "tea mug", **own}], listings=False)
    assert looked_up == told != scores_of(shop, [{"listing_id": "L3", "query": "tea mug"}], listings=False)


def test_an_id_may_come_as_a_number(shop):
    assert scores_of(shop, [{"query": 7}]) == scores_of(shop, [{"query": "7"}])


def test_a_score_does_not_depend_on_other_rows(shop):
    rows = [{"listing_id": f"L{i % 8}", "position": 1 + i % 3} for i in range(LINES_AT_ONCE + 20)]
    scores = scores_of(shop, rows)
    assert len(scores) == len(rows)
    assert scores[-5:] == scores_of(shop, rows[-5:])


def test_scores_come_while_rows_are_still_arriving(shop):
    endless = (b'{"listing_id": "L1"}' for _ in count())
    assert "score" in next(score_rows(Inputs(shop / "model", None), endless))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"query": ', "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"price": NaN}', "not a JSON object"),
        (b'{"query": "\xff"}', "not a JSON object"),
        (b'{"price": "cheap"}', 'price: expected a number, got "cheap"'),
        (b'{"price": true}', "price: expected a number, got true"),
        (b'{"position": 1.5}', "position: expected a whole number"),
        (b'{"query": {"a": 1}}', "query: expected text"),
        (b'{"tags": ["a", 1]}', "tags: expected text"),
        pytest.param(b'{"price": 1%s}' % (b"0" * 400), "price: expected a number", id="400 digits"),
    ],
)
def test_a_bad_line_is_named(shop, line, problem):
    rows = [b'{"query": "mug"}\n', b"\n", line + b"\n"]
    with pytest.raises(InputError, match="line 3: ") as error:
        list(score_rows(Inputs(shop / "model", shop / "listings.parquet"), rows))
    assert problem in error.value.message


def test_rows_before_a_bad_line_of_a_later_block_are_scored(shop):
    rows = [b"{}"] * LINES_AT_ONCE + [b"oops"]
    scored = score_rows(Inputs(shop / "model", None), rows)
    assert np.isfinite([next(scored)["score"] for _ in range(LINES_AT_ONCE)]).all()
    with pytest.raises(InputError, match=f"line {LINES_AT_ONCE + 1}: "):
        next(scored)


def test_no_rows_and_no_model(shop, tmp_path):
    assert list(score_rows(Inputs(shop / "model", None), [])) == []
    with pytest.raises(InputError, match="model:ctr not found"):
        list(score_rows(Inputs(tmp_path, None), [b"{}"]))


def test_a_table_is_known_by_its_name_or_its_first_bytes(shop, tmp_path):
    renamed, lines = tmp_path / "ads", tmp_path / "rows.jsonl"
    renamed.write_bytes((shop / "impressions.parquet").read_bytes())
    lines.write_bytes(b"{}")
    assert [holds_a_table(str(path)) for path in (renamed, tmp_path / "missing.parquet", lines, "-", tmp_path)] == [
        *(True, True),
        *(False, False, False),
    ]


def write_lines(shop: Path, text: bytes, out: Path, *, force: bool = False):
    source = out.parent / "rows.jsonl"
    source.write_bytes(text)
    return write_scored_lines(Inputs(shop / "model", None), str(source), out=out, force=force)


def test_scored_lines_are_written_whole_or_not_at_all(shop, tmp_path):
    out = tmp_path / "scores.jsonl"
    with pytest.raises(InputError, match="line 5001"):
        write_lines(shop, b"{}\n" * 5000 + b"oops", out)
    assert not out.exists()
    assert write_lines(shop, b'{"query": "tea"}\n{}\n', out).rows == {"out": 2}
    assert [list(json.loads(line)) for line in out.read_bytes().splitlines()] == [["query", "score"], ["score"]]
    out.write_text("mine")
    with pytest.raises(UsageError, match="changed since etsyml wrote it"):
        write_lines(shop, b"{}", out)
    assert write_lines(shop, b"{}", out, force=True).rows == {"out": 1}
    assert names_in(tmp_path) == ["rows.jsonl", "scores.jsonl"]


def test_the_extension_must_say_what_is_written(shop, tmp_path):
    with pytest.raises(UsageError, match=r"--out .*scores\.csv: scores of a table are written as \.parquet"):
        write_scores(shop, tmp_path / "scores.csv")
    with pytest.raises(UsageError, match=r"--out .*scores\.parquet: scored JSON Lines are written as \.jsonl"):
        write_lines(shop, b"{}", tmp_path / "scores.parquet")


def test_the_command_writes_rows_to_out(shop, tmp_path, etsyml):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "scores.jsonl"
    rows.write_text('{"query": "tea"}\n')
    place = ["-w", tmp_path, "score", rows, "--model", shop / "model"]
    printed = etsyml(*place)
    ended = etsyml(*place, "--out", out)
    assert (ended.code, ended.out, out.read_text()) == (0, "", printed.out)
    assert etsyml(*place, "--out", out).code == 0
    out.write_text("mine")
    assert "changed since etsyml wrote it" in etsyml(*place, "--out", out).err
    assert etsyml(*place, "--out", out, "--force").code == 0


@pytest.mark.parametrize("n", [0, 1, 3])
def test_json_is_one_object_of_all_rows(shop, tmp_path, etsyml, n):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "tea"}\n' * n)
    told = json.loads(etsyml("-w", tmp_path, "score", rows, "--model", shop / "model", "--json").out)
    assert (told["schema_version"], len(told["rows"])) == (1, n)


def test_a_terminal_shows_that_rows_are_awaited(shop, tmp_path, etsyml, monkeypatch):
    class Terminal(io.TextIOWrapper):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal(io.BytesIO(b"{}\n")))
    ended = etsyml("-w", tmp_path, "score", "--model", shop / "model")
    assert "reading JSON Lines from stdin" in ended.err
    assert list(json.loads(ended.out)) == ["score"]


def explained(shop: Path, *rows: dict, model: str = "model") -> list[dict]:
    lines = [json.dumps(row).encode() for row in rows]
    return list(score_rows(Inputs(shop / model, shop / "listings.parquet"), lines, explain=True))


def test_the_reasons_add_up_to_the_score(shop):
    rows = read_table(shop / "impressions.parquet", "impressions").drop_columns(["created_at", "clicked"]).to_pylist()
    for row in explained(shop, *rows[:100], {}, {"query": "nobody asked this"}):
        assert 1 / (1 + np.exp(-sum(reason.adds for reason in row["why"]))) == pytest.approx(row["score"], rel=1e-12)


def test_the_ten_most_telling_reasons_are_named_and_the_others_summed(shop):
    row, bare = explained(shop, {"listing_id": "L1", "query": "tea mug", "position": 1}, {})
    *named, others = row["why"]
    assert len(named) == 10
    assert others.what == "others"
    sizes = [abs(reason.adds) for reason in named]
    assert sizes == sorted(sizes, reverse=True)
    assert named[0].what == "bias"
    told = {reason.what for reason in named}
    assert {"price~1.12…1.72", "query*title:tea*mug", "shop_id=S1"} < told
    assert [reason.what for reason in bare["why"]] == ["bias", "position=1"]


def test_explained_rows_have_the_scores_of_the_others(shop):
    row = {"listing_id": "L1", "query": "tea mug"}
    assert [one["score"] for one in explained(shop, row)] == scores_of(shop, [row])


def test_the_command_explains_lines_and_no_table(shop, tmp_path, etsyml):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "why.jsonl"
    rows.write_text('{"query": "tea"}\n')
    place = ["-w", tmp_path, "score", "--model", shop / "model", "--explain"]
    assert {reason["what"] for reason in json.loads(etsyml(*place, rows).out)["why"]} == {
        "bias",
        "query:tea",
        "position=1",
    }
    assert etsyml(*place, rows, "--out", out).code == 0
    assert list(json.loads(out.read_text())) == ["query", "score", "why"]
    ended = etsyml(*place, shop / "impressions.parquet")
    assert (ended.code, ended.err.splitlines()[0]) == (2, "error: --explain needs JSON Lines, not a table")


def test_what_is_scored_is_never_written_over(shop, tmp_path, etsyml):
    table, lines = tmp_path / "ads.parquet", tmp_path / "ads.jsonl"
    table.write_bytes((shop / "impressions.parquet").read_bytes())
    lines.write_text('{"query": "tea"}\n')
    for source in (table, lines):
        before = source.read_bytes()
        ended = etsyml("-w", tmp_path, "score", source, "--model", shop / "model", "--out", source, "--force")
        assert (ended.code, "this is the input file" in ended.err) == (2, True)
        assert source.read_bytes() == before
