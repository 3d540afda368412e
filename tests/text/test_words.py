"""Words of listings and queries: the arrays equal a simple reference implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import etsyml_cli.text.words as text
from etsyml_cli.text.tokenize import Tokenizer
from etsyml_cli.text.words import K1, B, build_vocabulary, count_words, overlap

tokenize = Tokenizer(english=True)

LISTINGS = [
    ("red wool scarf red", "winter gift"),
    ("blue mug", "kitchen gift"),
    ("", ""),
    ("wool", ""),
]
WORDS = ["red", "wool", "scarf", "gift", "mug"]

texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
catalogs = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


def count(listings):
    return count_words([tokenize(title) for title, _ in listings], [tokenize(tags) for _, tags in listings])


def features_of(listings, query, *, min_count=1):
    words = count(listings)
    n = len(listings)
    return overlap(words, build_vocabulary(words, min_count), [tokenize(query)], np.zeros(n, np.int64), np.arange(n))


def slow_bm25(listings, query):
    """Robertson & Zaragoza's formula, word by word, divided by the maximum."""
    documents = [tokenize(f"{title} {tags}") for title, tags in listings]
    mean = sum(map(len, documents)) / len(documents)
    words = set(tokenize(query))
    df = {word: sum(word in document for document in documents) for word in words}
    idf = {word: math.log(1 + (len(documents) - df[word] + 0.5) / (df[word] + 0.5)) for word in words}
    highest = sum(idf.values()) * (K1 + 1)
    values = []
    for document in documents:
        value = 0.0
        for word in words & set(document):
            tf = document.count(word)
            value += idf[word] * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len(document) / mean))
        values.append(value / highest if highest else 0.0)
    return values


def test_document_frequency_counts_listings():
    vocabulary = build_vocabulary(count(LISTINGS), min_count=2)
    assert vocabulary.words == ["gift", "wool"]
    assert vocabulary.document_frequency.tolist() == [2, 2]
    assert vocabulary.n_listings == 4
    assert vocabulary.mean_length == (6 + 4 + 0 + 1) / 4


@settings(max_examples=200, deadline=None)
@given(catalogs, texts)
def test_overlap_equals_the_slow_reference(listings, query):
    features = features_of(listings, query)
    words = set(tokenize(query))
    shares = [[len(words & set(tokenize(side))) / max(len(words), 1) for side in sides] for sides in listings]
    assert features[:, 0] == pytest.approx(slow_bm25(listings, query), abs=1e-12)
    assert features[:, 1:3] == pytest.approx(np.array(shares))
    whole = [
        [bool(words) and words <= set(tokenize(side)) for side in (title, f"{title} {tags}")]
        for title, tags in listings
    ]
    assert features[:, 3:].astype(bool).tolist() == whole
    assert (features >= 0).all()
    assert (features <= 1 + 1e-12).all()


def test_an_unknown_word_has_no_overlap_and_lowers_the_shares():
    assert features_of(LISTINGS, "zebra").tolist() == [[0] * 5] * 4
    known, half = features_of(LISTINGS, "mug")[1], features_of(LISTINGS, "mug zebra")[1]
    assert half[1] == known[1] / 2
    assert 0 < half[0] < known[0] / 2  # the unknown word has the highest idf


def test_a_query_without_words_has_no_overlap():
    assert features_of(LISTINGS, "?!").tolist() == [[0] * 5] * 4


def test_a_word_below_min_count_still_matches():
    assert features_of(LISTINGS, "mug", min_count=2)[1].tolist()[1:] == [1, 0, 1, 1]


def test_features_do_not_depend_on_the_chunk_size(monkeypatch):
    words = count(LISTINGS)
    vocabulary = build_vocabulary(words, min_count=1)
    query_of_row, listing_of_row = np.array([0, 1, 0, 1, 1]), np.array([0, 1, 3, 3, 2])
    queries = [["red", "wool"], ["gift", "mug"]]
    at_once = overlap(words, vocabulary, queries, query_of_row, listing_of_row)
    monkeypatch.setattr(text, "ROWS_AT_ONCE", 2)
    assert np.array_equal(overlap(words, vocabulary, queries, query_of_row, listing_of_row), at_once)
