"""The inverted index: it finds and counts what a look at every listing finds and counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.search.postings import PostingsBuilder
from etsyml_cli.text.words import count_words

WORDS = ["ant", "bee", "cat", "dée", "e"]
texts = st.lists(st.sampled_from(WORDS), max_size=6)
listings = st.lists(st.tuples(texts, texts), max_size=8)


@given(pieces=st.lists(listings, max_size=3), asked=st.lists(st.sampled_from([*WORDS, "unknown", ""]), max_size=4))
def test_it_finds_and_counts_what_a_scan_does(pieces, asked) -> None:
    builder = PostingsBuilder()
    for piece in pieces:
        builder.add(count_words([title for title, _ in piece], [tags for _, tags in piece]))
    rows, words = builder.build().matching(asked)
    everything = [listing for piece in pieces for listing in piece]
    assert rows.tolist() == [row for row, (title, tags) in enumerate(everything) if {*title, *tags} & {*asked}]
    assert words.length.tolist() == [len(everything[row][0]) + len(everything[row][1]) for row in rows]
    for word, column in words.columns.items():
        assert words.title[:, [column]].toarray().ravel().tolist() == [everything[row][0].count(word) for row in rows]
        assert words.tags[:, [column]].toarray().ravel().tolist() == [everything[row][1].count(word) for row in rows]
    state = {word for title, tags in everything for word in (*title, *tags)}
    assert set(words.columns) == state & set(asked)
