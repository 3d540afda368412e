"""Crosses of query words and listing tokens are the hashes of all pairs, written out one by one."""

from __future__ import annotations

import mmh3
import numpy as np
import pytest

from etsyml_cli.features import crosses
from etsyml_cli.features.crosses import cross, listing_tokens, query_tokens, query_word_rows

QUERIES = ["red scarf", "Mug mug", "?!"]
LISTINGS = [[("title", "red"), ("tags", "red"), ("title", "red")], [], [("title", "mug")]]
QUERY, LISTING = np.array([0, 0, 1, 2, 1, 0]), np.array([0, 1, 0, 0, 2, 2])
BITS = 20


def slot(word: str, field: str, token: str) -> int:
    """MurmurHash3 of both hashes' bytes, each hash seeded by its field's name."""
    one = mmh3.hash(word, mmh3.hash("query", signed=False), signed=False)
    other = mmh3.hash(token, mmh3.hash(field, signed=False), signed=False)
    both = one.to_bytes(4, "little") + other.to_bytes(4, "little")
    return mmh3.hash(both, mmh3.hash("word_crosses", signed=False), signed=False) % 2**BITS


@pytest.mark.parametrize("at_once", [1, 4, 1 << 20])
def test_every_pair_of_different_tokens_has_its_slot(monkeypatch, at_once):
    monkeypatch.setattr(crosses, "PAIRS_AT_ONCE", at_once)
    rows = cross(query_tokens(QUERIES), listing_tokens(LISTINGS), QUERY, LISTING, BITS)
    words = [["red", "scarf"], ["mug"], []]
    for r, (q, i) in enumerate(zip(QUERY, LISTING, strict=True)):
        expected = [slot(word, *token) for word in words[q] for token in dict.fromkeys(LISTINGS[i])]
        assert rows.slots[rows.ptr[r] : rows.ptr[r + 1]].tolist() == expected
        assert rows.scale[r] == pytest.approx(max(len(expected), 1) ** -0.5)


def test_pairs_that_training_did_not_see_are_dropped():
    rows = cross(query_tokens(QUERIES), listing_tokens(LISTINGS), QUERY, LISTING, BITS)
    known = rows.seen()[::2]
    kept = rows.among(known, BITS)
    for r in range(len(QUERY)):
        before = [s for s in rows.slots[rows.ptr[r] : rows.ptr[r + 1]] if s in known]
        assert known[kept.slots[kept.ptr[r] : kept.ptr[r + 1]]].tolist() == before
    assert kept.scale is rows.scale


def test_a_query_is_the_mean_direction_of_its_known_words():
    rows = query_word_rows(["red scarf", "scarf zebra", "?!"], ["red", "scarf"]).toarray()
    np.testing.assert_allclose(rows, [[0.5**0.5, 0.5**0.5], [0, 1], [0, 0]])
