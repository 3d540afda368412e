"""HTML in the texts of listings: decoded once and counted; other text, and other columns, are as they were."""

from __future__ import annotations

import ast
import html
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.formats.cells import Block, Cells
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.ingest.values.markup import decode_block, decode_html
from etsyml_cli.io.tables import read_table

plain_texts = st.text(st.sampled_from("ab <>&;#3=\"'/\n☃é")).filter(lambda text: decode_html(text) == text)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Hand-thrown mug &quot;Fern&quot; &amp; saucer", 'Hand-thrown mug "Fern" & saucer'),
        ("caf&eacute; &#233; &#xE9; &#8217;", "café é é ’"),
        ("&lt;b&gt; &amp;amp;", "<b> &amp;"),  # once
        ("<b>Mug</b>", "Mug"),
        ("M<i>u</i>g", "Mug"),
        ("one<br>two<BR />three", "one two three"),
        ('<p class="a b">One.</p>\n<ul><li>two</li><li>three</li></ul>', "One. \n two three"),
        ("<a href='https://example.com/?a=1&amp;b=2'>shop</a>", "shop"),
        ("<style>p {color: red}</style>Mug<script type='x'>if (a < b) alert('<b>')</script>", "Mug"),
        ("a<!-- b <i> -->c", "a c"),
    ],
)
def test_entities_and_tags(written, text):
    assert decode_html(written) == text


@pytest.mark.parametrize(
    "text",
    [
        "a < b", "a<b and c>d", "if a <b or c> d", "I <3 cats", "size <M>", "<3 <3", "->", "x <y> z", "<b", "AT&T", "R&D;",
        "pens&notebooks", "50% &off", "&unknown;", "&;", "&#;", "<script>unclosed", "<!-- unclosed", "<>",
    ],
)  # fmt: skip
def test_what_is_not_html_is_kept(text):
    assert decode_html(text) == text


@given(st.text())
def test_escaped_text_comes_back(text):
    assert decode_html(html.escape(text)) == text


@given(plain_texts, st.sampled_from(["b", "em", "span", "A"]))
def test_tags_around_a_text_are_removed(text, tag):
    assert decode_html(f"<{tag}>{text}</{tag}>").split() == text.split()


def write(folder: Path, form: str, rows: list[dict]) -> str:
    path = folder / f"listings.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


ROWS = [
    {"listing_id": "A&amp;1", "title": "&quot;Fern&quot; <b>mug</b>", "tags": ["a &amp; b", "c"], "shop_id": "T&amp;C"},
    {"listing_id": "2", "title": "a < b & c", "tags": ["x"], "shop_id": None},
    {"listing_id": "3", "title": "<br>", "tags": None, "shop_id": None},
    {"listing_id": "4", "title": "mug", "tags": ["<i>d</i>"], "shop_id": "S"},
]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_texts_are_decoded_and_ids_are_not(tmp_path: Path, form: str) -> None:
    out = tmp_path / "out.parquet"
    file = write(tmp_path, form, ROWS)
    summary = ingest("listings", [file], out=out, config=IngestConfig(max_bad_rate=0.5))
    assert read_table(out, "listings", ["listing_id", "title", "tags", "shop_id"]).to_pylist() == [
        {"listing_id": "A&amp;1", "title": '"Fern" mug', "tags": ["a & b", "c"], "shop_id": "T&amp;C"},
        {"listing_id": "2", "title": "a < b & c", "tags": ["x"], "shop_id": None},
        {"listing_id": "4", "title": "mug", "tags": ["d"], "shop_id": "S"},
    ]
    assert summary.rows == {"in": 4, "out": 3, "merged": 0, "rejected": 1}  # the title `<br>` is empty
    assert summary.facts["html_decoded_in_title"] == 2
    assert summary.facts["html_decoded_in_tags"] == 2
    assert "html_decoded_in_description" not in summary.facts


def test_entities_do_not_split_tags_and_a_shared_column_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "listings.csv"
    file.write_text("name,tags,body\nP&amp;Q,oak &amp; ash;6&quot; nails,x&lt;y\n")
    out = tmp_path / "out.parquet"
    config = IngestConfig(map={"listing_id": "name", "title": "name", "description": "body"})
    facts = ingest("listings", [str(file)], out=out, config=config).facts
    (row,) = read_table(out, "listings", ["listing_id", "title", "tags", "description"]).to_pylist()
    assert row == {
        "listing_id": "P&amp;Q",
        "title": "P&amp;Q",
        "tags": ["oak & ash", '6" nails'],
        "description": "x<y",
    }
    assert facts["html_decoded_in_tags"] == facts["html_decoded_in_description"] == 1


def test_decoded_quotes_do_not_end_the_strings_of_a_list() -> None:
    written = ['["6&quot; nails", "it&#39;s <b>new</b>", "a&#92;b &amp; c"]', "['6&quot;', 'it&#39;s']"]
    block = Block({"t": Cells(pa.array(written))}, np.array([2, 3]), lambda row: b"")
    decoded = decode_block(block, {"tags": "t"})
    texts = decoded.columns["t"].array.to_pylist()
    assert json.loads(texts[0]) == ['6" nails', "it's new", "a\\b & c"]
    assert ast.literal_eval(texts[1]) == ['6"', "it's"]
    assert list(decoded.notes.values()) == [[2, 3]]


def test_a_title_in_brackets_is_not_a_list() -> None:
    block = Block({"t": Cells(pa.array(["[New] &quot;Fern&quot; mug"]))}, np.array([2]), lambda row: b"")
    assert decode_block(block, {"title": "t"}).columns["t"].array.to_pylist() == ['[New] "Fern" mug']


cells = st.none() | st.lists(st.sampled_from(["&amp;", "<b>", "<br>", "a", "é", " ", "&", "<"])).map("".join)


@given(st.lists(cells, min_size=1, max_size=8), st.data())
def test_columns_are_decoded_as_each_value_is(values, data):
    start = data.draw(st.integers(0, len(values) - 1))
    lines = np.arange(start, len(values))
    texts = pa.array(values, pa.string())[start:]
    lists = pa.array([None if value is None else [value, "x"] for value in values], pa.list_(pa.string()))[start:]
    others = {row: [value, "x"] for row, value in enumerate(values[start:]) if value is not None}
    columns = {"title": Cells(texts), "tags": Cells(lists), "category": Cells(pa.nulls(len(lines)), others)}
    decoded = decode_block(Block(columns, lines, lambda row: b""), {name: name for name in columns})
    expected = [value if value is None else decode_html(value) for value in values[start:]]
    assert decoded.columns["title"].array.to_pylist() == expected
    assert decoded.columns["tags"].array.to_pylist() == [text if text is None else [text, "x"] for text in expected]
    assert decoded.columns["category"].other_types == {row: [expected[row], "x"] for row in others}
    changed = [start + row for row, text in enumerate(expected) if text != values[start + row]]
    assert [*decoded.notes.values()] == ([changed] * 3 if changed else [])
