"""d_T: the terms (word n-grams) of listings as sparse rows, over a vocabulary or hashed.

No labels are used: terms and document frequencies are computed from the listings only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.text.hashing import feature_seed, hash_words
from etsyml_cli.text.tokenize import Words

Weighting = Literal["binary", "counts", "tf-idf"]


@dataclass(frozen=True)
class Terms:
    """The columns of d_T: their idf, shape (D,), and their terms, or None if terms are hashed."""

    idf: NDArray[np.float64]
    names: list[str] | None

    @property
    def width(self) -> int:
        return len(self.idf)


def terms_of(title: Words, tags: Words, ngrams: int) -> list[str]:
    """The n-grams of 1 to `ngrams` words of a title and of its tags, with repetitions."""
    longer = [
        " ".join(words[i : i + n]) for words in (title, tags) for n in range(2, ngrams + 1) for i in _starts(words, n)
    ]
    return [*title, *tags, *longer]


def build_terms(listings: Sequence[list[str]], *, min_count: int, hash_bits: int | None) -> Terms:
    """The terms that occur in at least `min_count` of I listings, or 2**hash_bits slots for all terms."""
    frequency = Counter(term for terms in listings for term in set(terms))
    if hash_bits is None:
        names = sorted(term for term, count in frequency.items() if count >= min_count)
        return Terms(_idf(np.array([frequency[name] for name in names], np.float64), len(listings)), names)
    slots = hash_words(list(frequency), feature_seed("text")) & np.uint32((1 << hash_bits) - 1)
    df = np.bincount(slots, weights=list(frequency.values()), minlength=1 << hash_bits)
    return Terms(_idf(np.minimum(df, len(listings)), len(listings)), None)


def term_rows(listings: Sequence[list[str]], terms: Terms, weighting: Weighting) -> sparse.csr_matrix:
    """d_T of I listings, shape (I, D), normalized to length 1 (or 0 if no term is known)."""
    matrix = _counts(listings, terms)
    if weighting == "binary":
        matrix.data[:] = 1
    elif weighting == "tf-idf":
        matrix.data *= terms.idf[matrix.indices]
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(length, np.diff(matrix.indptr))
    return matrix


def _counts(listings: Sequence[list[str]], terms: Terms) -> sparse.csr_matrix:
    """Counts of each term in each listing, shape (I, D)."""
    if terms.names is not None:
        column_of = {name: column for column, name in enumerate(terms.names)}
    else:
        distinct = sorted({term for listing in listings for term in listing})
        hashes = hash_words(distinct, feature_seed("text")) & np.uint32(terms.width - 1)
        column_of = dict(zip(distinct, hashes.tolist(), strict=True))
    columns = [[column_of[term] for term in listing if term in column_of] for listing in listings]
    starts = np.cumsum([0, *map(len, columns)])
    indices = np.fromiter((column for listing in columns for column in listing), np.int64, starts[-1])
    matrix = sparse.csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(listings), terms.width))
    matrix.sum_duplicates()
    return matrix


def _starts(words: Words, n: int) -> range:
    return range(len(words) - n + 1)


def _idf(frequency: NDArray[np.float64], n_listings: int) -> NDArray[np.float64]:
    """1 + ln((1 + I) / (1 + df)), the smoothed idf of scikit-learn, which is never 0."""
    idf: NDArray[np.float64] = 1 + np.log((1 + n_listings) / (1 + frequency))
    return idf
