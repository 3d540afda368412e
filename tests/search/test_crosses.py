"""Crosses of query words and listing tokens are the hashes of all pairs, written out one by one."""

from __future__ import annotations

import mmh3
import numpy as np

from etsyml_cli.search.crosses import QueryWords, cross, listing_tokens, pair_words, query_tokens, query_word_rows
from etsyml_cli.text.tokenize import Tokenizer

QUERIES = ["red scarf", "Mug mug", "?!"]
LISTINGS = [[("title", "red"), ("tags", "red"), ("title", "red")], [], [("title", "mug")]]
WORDS = QueryWords(Tokenizer(english=False))
QUERY, LISTING = np.array([0, 0, 1, 2, 1, 0]), np.array([0, 1, 0, 0, 2, 2])
BITS = 20


def slot(word: str, field: str, token: str) -> int:
    """MurmurHash3 of both hashes' bytes, each hash seeded by its field's name."""
    one = mmh3.hash(word, mmh3.hash("query", signed=False), signed=False)
    other = mmh3.hash(token, mmh3.hash(field, signed=False), signed=False)
    both = one.to_bytes(4, "little") + other.to_bytes(4, "little")
    return mmh3.hash(both, mmh3.hash("word_crosses", signed=False), signed=False) % 2**BITS


def pairs():
    return pair_words(query_tokens(QUERIES, WORDS), listing_tokens(LISTINGS), QUERY, LISTING, BITS)


def slots_of_rows():
    words = [["red", "scarf"], ["mug"], []]
    return [
        [slot(word, *token) for word in words[q] for token in dict.fromkeys(LISTINGS[i])]
        for q, i in zip(QUERY, LISTING, strict=True)
    ]


def as_rows(slots_of_rows, state):
    dense = np.zeros((len(slots_of_rows), len(state)))
    for r, slots in enumerate(slots_of_rows):
        for found in slots:
            dense[r, state == found] += len(slots) ** -0.5
    return dense


def test_every_pair_of_different_tokens_has_its_slot():
    assert pairs().seen().tolist() == sorted({found for slots in slots_of_rows() for found in slots})
    crosses = cross(pairs(), pairs().seen())
    np.testing.assert_allclose(crosses.matrix().toarray(), as_rows(slots_of_rows(), pairs().seen()))


def test_pairs_that_training_did_not_see_are_dropped():
    state = pairs().seen()[::2]
    crosses = cross(pairs(), state)
    assert crosses.width == len(state)
    np.testing.assert_allclose(crosses.matrix().toarray(), as_rows(slots_of_rows(), state))


def test_a_word_and_a_listing_that_several_rows_hold_are_hashed_once():
    assert len(pairs().word) == len(
        {(word, i) for q, i in zip(QUERY, LISTING, strict=True) for word in QUERIES[q].lower().split() if word != "?!"}
    )


def test_a_query_is_the_mean_direction_of_its_known_words():
    rows = query_word_rows(["red scarf", "scarf zebra", "?!"], ["red", "scarf"], WORDS).toarray()
    np.testing.assert_allclose(rows, [[0.5**0.5, 0.5**0.5], [0, 1], [0, 0]])
