"""Words of listings and queries as arrays: vocabulary, and how well a query and a listing overlap.

Nothing here looks at labels: the vocabulary and its document frequencies come from the listings alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Words = list[str]

K1, B = 1.2, 0.75  # Lucene's defaults
ROWS_AT_ONCE = 1 << 18

OVERLAP_FEATURES = ("bm25", "share_in_title", "share_in_tags", "all_in_title", "all_in_listing")
ALL = 1 - 1e-9  # shares add up to 1 but for rounding

_WORD = re.compile(r"[^\W_]+")
_HYPHEN = re.compile(r"-(?<=\b[^\W\d_]-)(?=[^\W_])")  # of t-shirt, v-neck: people also write them in one
_TWO_LETTER_PLURALS = ("ches", "shes", "sses", "xes")
_NO_PLURALS = ("ss", "us", "is")


def tokenize(text: str | None) -> Words:
    """The words of a text, in lower case and in the singular: runs of letters and digits of any script.

    `Men's T-Shirts` is `men`, `s`, `tshirt`. No text has no words.
    """
    return [singular(word) for word in _WORD.findall(_HYPHEN.sub("", text.lower()))] if text else []


@lru_cache(1 << 16)  # texts repeat their words
def singular(word: str) -> str:
    """The word without an English plural's ending, after Harman's s-stemmer (JASIS 1991), with watches -> watch.

    It folds what is spelled alike, it knows no grammar: the same rule for queries and listings is what counts.
    """
    if len(word) <= 3 or not word.endswith("s") or word.endswith(_NO_PLURALS):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(_TWO_LETTER_PLURALS) else word[:-1]


@dataclass(frozen=True)
class ListingWords:
    """How often each of W words stands in the title and in the tags of I listings, both (I, W), and all words' number.

    `length`, shape (I,), counts every word, also where the columns are but some of the words.
    """

    columns: dict[str, int]
    title: sparse.csr_matrix
    tags: sparse.csr_matrix
    length: NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """V words, how many of the listings hold each, shape (V,), how many listings there were, and their mean length."""

    words: Words
    document_frequency: NDArray[np.int64]
    n_listings: int
    mean_length: float


def count_words(titles: Sequence[Words], tags: Sequence[Words]) -> ListingWords:
    """Count the words of I listings. The columns come in the words' order, so equal listings give equal arrays."""
    seen = sorted({word for texts in (titles, tags) for words in texts for word in words})
    columns = {word: column for column, word in enumerate(seen)}
    length = np.array([len(t) + len(g) for t, g in zip(titles, tags, strict=True)], np.int64)
    return ListingWords(columns, _counts(titles, columns), _counts(tags, columns), length)


def build_vocabulary(listings: ListingWords, min_count: int) -> Vocabulary:
    """The words that at least `min_count` listings hold in title or tags."""
    counts = listings.title + listings.tags
    frequency = np.bincount(counts.indices, minlength=len(listings.columns))
    words = np.array(list(listings.columns), dtype=object)
    kept = frequency >= min_count
    n_listings = counts.shape[0]
    mean_length = float(listings.length.sum()) / max(n_listings, 1)
    return Vocabulary(words[kept].tolist(), frequency[kept].astype(np.int64), n_listings, mean_length)


def overlap(
    listings: ListingWords,
    vocabulary: Vocabulary,
    queries: Sequence[str],
    query_of_row: NDArray[np.int64],
    listing_of_row: NDArray[np.int64],
) -> NDArray[np.float64]:
    """How well query and listing go together, shape (N, 5), the columns of OVERLAP_FEATURES, all in [0, 1].

    bm25 (Robertson & Zaragoza 2009, eq. 3.15; idf as in Lucene) is over title and tags, as a share of the highest
    value that the query can reach: within a query it ranks like bm25 itself, and queries are on one scale.
    The shares are those of the query's different words; `all` is whether it has words and none is missing. A word
    outside the vocabulary counts as the rarest of all.
    """
    by_idf, by_count = _query_weights(queries, listings, vocabulary)
    saturated = _saturated(listings.title + listings.tags, listings.length, vocabulary.mean_length)
    title, tags = _present(listings.title), _present(listings.tags)
    parts = (
        (by_idf, saturated),
        (by_count, title),
        (by_count, tags),
        (by_count, title),
        (by_count, _present(title + tags)),
    )
    features = np.empty((len(query_of_row), len(OVERLAP_FEATURES)))
    for start in range(0, len(query_of_row), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        for column, (query_side, listing_side) in enumerate(parts):
            products = query_side[query_of_row[rows]].multiply(listing_side[listing_of_row[rows]])
            features[rows, column] = np.asarray(products.sum(axis=1)).ravel()
    features[:, 3:] = features[:, 3:] >= ALL
    return features


def _counts(texts: Sequence[Words], columns: dict[str, int]) -> sparse.csr_matrix:
    starts = np.cumsum([0, *(len(words) for words in texts)])
    indices = np.fromiter((columns[word] for words in texts for word in words), np.int64, starts[-1])
    matrix = sparse.csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(texts), len(columns)))
    matrix.sum_duplicates()
    return matrix


def _present(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.csr_matrix(counts > 0, dtype=np.float64)


def _saturated(tf: sparse.csr_matrix, length: NDArray[np.int64], mean_length: float) -> sparse.csr_matrix:
    """tf / (tf + k1·(1 − b + b·length / mean length)) for each word of each listing."""
    slope = K1 * (1 - B + B * length / max(mean_length, 1e-12))
    saturated = tf.copy()
    saturated.data = tf.data / (tf.data + np.repeat(slope, np.diff(tf.indptr)))
    return saturated


def _query_weights(
    queries: Iterable[str], listings: ListingWords, vocabulary: Vocabulary
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """For each query its words' shares of its idf, and equal shares, over the listings' columns."""
    frequency = dict(zip(vocabulary.words, vocabulary.document_frequency.tolist(), strict=True))
    indices, by_idf, by_count, starts = [], [], [], [0]
    for query in queries:
        words = list(dict.fromkeys(tokenize(query)))
        df = np.array([frequency.get(word, 0) for word in words])
        idf = np.log1p((vocabulary.n_listings - df + 0.5) / (df + 0.5))
        for word, share in zip(words, idf / idf.sum() if words else [], strict=True):
            if word in listings.columns:
                indices.append(listings.columns[word])
                by_idf.append(share)
                by_count.append(1 / len(words))
        starts.append(len(indices))
    shape = (len(starts) - 1, len(listings.columns))
    by_idf_matrix, by_count_matrix = (
        sparse.csr_matrix((np.array(shares), np.array(indices, dtype=np.int64), starts), shape=shape)
        for shares in (by_idf, by_count)
    )
    return by_idf_matrix, by_count_matrix
