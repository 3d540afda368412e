"""d_T equals scikit-learn's vectorizers; columns of hashed terms do not depend on the catalog."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from etsyml_cli.text.terms import build_terms, term_rows, terms_of

WORDS = ["red", "wool", "scarf", "gift", "mug"]
catalogs = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=6)


def scikit_learn_vectorizer(weighting, listings, min_count):
    options = {"analyzer": lambda words: terms_of(words, [], 2), "min_df": min_count}
    if weighting == "tf-idf":
        return TfidfVectorizer(**options).fit(listings)
    return CountVectorizer(**options, binary=weighting == "binary").fit(listings)


@settings(max_examples=100, deadline=None)
@given(catalogs, st.sampled_from(["binary", "counts", "tf-idf"]), st.integers(1, 2))
def test_rows_equal_those_of_scikit_learn(listings, weighting, min_count):
    listing_terms = [terms_of(words, [], 2) for words in listings]
    terms = build_terms(listing_terms, min_count=min_count, hash_bits=None)
    rows = term_rows(listing_terms, terms, weighting).toarray()
    if not terms.names:
        assert rows.shape == (len(listings), 0)
        return
    vectorizer = scikit_learn_vectorizer(weighting, listings, min_count)
    expected = vectorizer.transform(listings).toarray().astype(float)
    length = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, np.divide(expected, length, out=expected, where=length > 0), atol=1e-12)
    assert terms.names == vectorizer.get_feature_names_out().tolist()


def test_n_grams_do_not_span_title_and_tags():
    assert terms_of(["red", "scarf"], ["wool"], 2) == ["red", "scarf", "wool", "red scarf"]
    assert terms_of(["a", "b", "c"], [], 3) == ["a", "b", "c", "a b", "b c", "a b c"]


@pytest.mark.parametrize("weighting", ["binary", "counts", "tf-idf"])
def test_hashed_terms_have_the_same_column_in_every_catalog(weighting):
    first = [terms_of(words, [], 2) for words in (["red", "scarf"], ["mug"])]
    terms = build_terms(first, min_count=1, hash_bits=12)
    assert (terms.width, terms.names) == (4096, None)
    alone, among_others = term_rows(first[:1], terms, weighting), term_rows([["new", "one"], *first], terms, weighting)
    np.testing.assert_array_equal(alone.toarray()[0], among_others.toarray()[1])
    assert np.linalg.norm(alone.toarray()) == pytest.approx(1)
