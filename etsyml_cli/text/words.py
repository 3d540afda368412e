"""Words of listings and queries as arrays: vocabulary and text-overlap features.

No labels are used: the vocabulary and document frequencies are computed from the listings only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.text.tokenize import Words

K1, B = 1.2, 0.75  # Lucene's defaults
ROWS_AT_ONCE = 1 << 18

OVERLAP_FEATURES = ("bm25", "share_in_title", "share_in_tags", "all_in_title", "all_in_listing")
ALL = 1 - 1e-9  # shares may add up to slightly less than 1


@dataclass(frozen=True)
class ListingWords:
    """Counts of W words in the titles and in the tags of I listings, both (I, W).

    `length`, shape (I,), is the total number of words, including words without a column.
    """

    columns: dict[str, int]
    title: sparse.csr_matrix
    tags: sparse.csr_matrix
    length: NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """V words, their document frequencies, shape (V,), the number of listings, and their mean length in words."""

    words: Words
    document_frequency: NDArray[np.int64]
    n_listings: int
    mean_length: float


def count_words(titles: Sequence[Words], tags: Sequence[Words]) -> ListingWords:
    """Count the words of I listings. Columns are in alphabetical order, so that equal listings give equal arrays."""
    distinct = sorted({word for texts in (titles, tags) for words in texts for word in words})
    columns = {word: column for column, word in enumerate(distinct)}
    length = np.array([len(t) + len(g) for t, g in zip(titles, tags, strict=True)], np.int64)
    return ListingWords(columns, _counts(titles, columns), _counts(tags, columns), length)


def build_vocabulary(listings: ListingWords, min_count: int) -> Vocabulary:
    """The words that occur in the title or tags of at least `min_count` listings."""
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
    queries: Sequence[Words],
    query_of_row: NDArray[np.int64],
    listing_of_row: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Text-overlap features of N query-listing rows, shape (N, 5), columns OVERLAP_FEATURES, all in [0, 1].

    bm25 (Robertson & Zaragoza 2009, eq. 3.15; idf as in Lucene) is over title and tags, divided by the maximum
    for the query: this keeps the ranking within a query and puts all queries on the same scale.
    Shares are of the query's distinct words; `all` is 1 if the query has words and none is missing. The document
    frequency of a word outside the vocabulary is 0.
    """
    by_idf, by_count = _query_weights(queries, listings, vocabulary)
    saturated = _saturate(listings.title + listings.tags, listings.length, vocabulary.mean_length)
    title, tags = _indicator(listings.title), _indicator(listings.tags)
    parts = (
        (by_idf, saturated),
        (by_count, title),
        (by_count, tags),
        (by_count, title),
        (by_count, _indicator(title + tags)),
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


def _indicator(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.csr_matrix(counts > 0, dtype=np.float64)


def _saturate(tf: sparse.csr_matrix, length: NDArray[np.int64], mean_length: float) -> sparse.csr_matrix:
    """tf / (tf + k1·(1 − b + b·length / mean length)) of each word in each listing."""
    slope = K1 * (1 - B + B * length / max(mean_length, 1e-12))
    saturated = tf.copy()
    saturated.data = tf.data / (tf.data + np.repeat(slope, np.diff(tf.indptr)))
    return saturated


def _query_weights(
    queries: Iterable[Words], listings: ListingWords, vocabulary: Vocabulary
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Weights of each query's words over the listings' columns, by idf and equal; they sum to 1 over all words."""
    frequency = dict(zip(vocabulary.words, vocabulary.document_frequency.tolist(), strict=True))
    indices, by_idf, by_count, starts = [], [], [], [0]
    for query in queries:
        words = list(dict.fromkeys(query))
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
