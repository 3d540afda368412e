"""Query × listing features: hashed pairs of a query word and a listing token, and the words of queries as indices."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.types import F64, I64
from etsyml_cli.text.hashing import feature_seed, hash_pair, hash_words, prepare_pairs
from etsyml_cli.text.tokenize import Tokenizer, Words

SEED = feature_seed("word_crosses")

_kernel = njit(cache=True, nogil=True)
_inlined = njit(cache=True, nogil=True, inline="always")


class Tokens(NamedTuple):
    """The hashed tokens of N queries or listings: number t has hashes[ptr[t]:ptr[t + 1]]."""

    ptr: I64
    hashes: NDArray[np.uint32]

    def take(self, things: I64) -> Tokens:
        """The tokens of these queries or listings only."""
        n = np.diff(self.ptr)[things]
        ptr = np.concatenate([[0], np.cumsum(n)])
        places = np.repeat(self.ptr[things] - ptr[:-1], n) + np.arange(ptr[-1])
        return Tokens(ptr, self.hashes[places])


@dataclass(frozen=True)
class WordPairs:
    """Every pair of a query word and a listing token of N rows, hashed on demand: no pair is stored.

    Rows with the same word and listing have the same pairs, so these are hashed once per distinct (word, listing), D in
    all: the words, shape (D,), and the listings, shape (D,). `rows`, (N, D), has 1/√pairs if a row has the word and
    listing. The hashes of words and tokens are prepared by `prepare_pairs`; a pair's slot is the last `bits` bits of
    the hash of both.
    """

    rows: sparse.csr_matrix
    word: NDArray[np.uint32]
    listing: I64
    tokens: Tokens
    bits: int

    def seen(self) -> NDArray[np.uint32]:
        """The slots that occur, in ascending order."""
        occurs = np.zeros(1 << self.bits, np.bool_)
        _mark(self.word, self.listing, *self.tokens, occurs)
        return np.flatnonzero(occurs).astype(np.uint32)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> WordPairs:
        few = self.rows[rows]
        met, column = np.unique(few.indices, return_inverse=True)
        few = sparse.csr_matrix((few.data, column, few.indptr), shape=(few.shape[0], len(met)))
        return replace(self, rows=few, word=self.word[met], listing=self.listing[met])


@dataclass(frozen=True)
class WordCrosses:
    """The block of features query word × listing token: a pair adds 1/√(pairs of its row) in column `column[slot]`.

    `column`, shape (2**bits,), is -1 for a slot that is not in the training set; its pairs are dropped.
    """

    pairs: WordPairs
    column: NDArray[np.int32]
    width: int

    def scores(self, w: F64) -> F64:
        of_meeting = np.empty(len(self.pairs.word))
        _scores(self.pairs.word, self.pairs.listing, *self.pairs.tokens, self.column, w, of_meeting)
        return np.asarray(self.pairs.rows @ of_meeting)

    def sums(self, c: F64) -> F64:
        total = np.zeros(self.width)
        of_meeting = self.pairs.rows.T @ c
        _sums(self.pairs.word, self.pairs.listing, *self.pairs.tokens, self.column, of_meeting, total)
        return total

    def addends(self, c: F64) -> tuple[NDArray[np.int32], F64]:
        meeting, columns = self._entries()
        return columns, (self.pairs.rows.T @ c)[meeting]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> WordCrosses:
        return replace(self, pairs=self.pairs.take(rows))

    def matrix(self) -> sparse.csr_matrix:
        meeting, columns = self._entries()
        of_meeting = sparse.csr_matrix((np.ones(len(columns)), (meeting, columns)), (len(self.pairs.word), self.width))
        return sparse.csr_matrix(self.pairs.rows @ of_meeting)

    def _entries(self) -> tuple[I64, NDArray[np.int32]]:
        """The (word, listing) and the column of each of its pairs that has a column."""
        pairs = self.pairs
        n_tokens = np.diff(pairs.tokens.ptr)[pairs.listing]
        columns = np.empty(n_tokens.sum(), np.int32)
        _write(pairs.word, pairs.listing, *pairs.tokens, self.column, columns)
        known = columns >= 0
        return np.repeat(np.arange(len(n_tokens)), n_tokens)[known], columns[known]


@dataclass(frozen=True)
class QueryWords:
    """The words of queries by `tokenize`; a query of `own`, in the form of `whole`, is also a word."""

    tokenize: Tokenizer
    own: Set[str] = frozenset()

    def of(self, query: str) -> Words:
        """The distinct words of a query, in order, and the whole query if it is one of `own`."""
        words = list(dict.fromkeys(self.tokenize(query)))
        return [*words, whole] if (whole := self.whole(query)) in self.own else words

    def whole(self, query: str) -> str:
        """The query as one token, which depends on its words and their order only."""
        return "=" + " ".join(self.tokenize(query))


def query_tokens(queries: Sequence[str], words: QueryWords) -> Tokens:
    """The words of each query."""
    return _hashed([[("query", word) for word in words.of(query)] for query in queries])


def listing_tokens(fields: Sequence[Sequence[tuple[str, str]]]) -> Tokens:
    """The distinct (field, token) pairs of each listing; a word in the title differs from the same word in the tags."""
    return _hashed([list(dict.fromkeys(found)) for found in fields])


def all_tokens(parts: Sequence[Tokens]) -> Tokens:
    """The tokens of all parts, one part after the other."""
    sizes = np.concatenate([np.diff(part.ptr) for part in parts])
    return Tokens(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([part.hashes for part in parts]))


def pair_words(queries: Tokens, listings: Tokens, query: I64, listing: I64, bits: int) -> WordPairs:
    """Every query word with every listing token of N rows; `query` and `listing`, shape (N,), are their indices."""
    words, word = np.unique(queries.hashes, return_inverse=True)
    n_words = np.diff(queries.ptr)[query]
    ptr = np.concatenate([[0], np.cumsum(n_words)])
    place = np.arange(ptr[-1]) + np.repeat(queries.ptr[query] - ptr[:-1], n_words)
    n_listings = len(listings.ptr) - 1
    both = word[place] * n_listings + np.repeat(listing, n_words)
    meetings, meeting = np.unique(both, return_inverse=True)
    n_pairs = n_words * np.diff(listings.ptr)[listing]
    values = np.repeat(1 / np.sqrt(np.maximum(n_pairs, 1)), n_words)
    rows = sparse.csr_matrix((values, meeting, ptr), shape=(len(query), len(meetings)))
    first, second = prepare_pairs(words, listings.hashes, SEED)
    of_word, of_listing = np.divmod(meetings, max(n_listings, 1))
    return WordPairs(rows, first[of_word], of_listing, Tokens(listings.ptr, second), bits)


def cross(pairs: WordPairs, known: NDArray[np.uint32]) -> WordCrosses:
    """The block of these rows that has a column for each slot of `known`."""
    column = np.full(1 << pairs.bits, -1, np.int32)
    column[known] = np.arange(len(known))
    return WordCrosses(pairs, column, len(known))


def query_word_rows(queries: Sequence[str], known: Sequence[str], words: QueryWords) -> sparse.csr_matrix:
    """The indicator of U known words in Q queries, shape (Q, U), with rows of length 1 (or 0)."""
    column_of = {word: column for column, word in enumerate(known)}
    found = [[column_of[word] for word in words.of(query) if word in column_of] for query in queries]
    values = np.concatenate([np.full(len(of_one), len(of_one) ** -0.5) for of_one in found if of_one] or [np.empty(0)])
    indices = np.array([column for of_one in found for column in of_one], dtype=np.int64)
    return sparse.csr_matrix((values, indices, np.cumsum([0, *map(len, found)])), shape=(len(queries), len(known)))


def _hashed(things: Sequence[list[tuple[str, str]]]) -> Tokens:
    distinct = sorted({token for tokens in things for token in tokens})
    hashes: dict[tuple[str, str], int] = {}
    for name in dict.fromkeys(name for name, _ in distinct):
        texts = [text for field, text in distinct if field == name]
        of_field = hash_words(texts, feature_seed(name)).tolist()
        hashes |= {(name, text): value for text, value in zip(texts, of_field, strict=True)}
    ptr = np.cumsum([0, *map(len, things)])
    flat = np.fromiter((hashes[token] for tokens in things for token in tokens), np.uint32, ptr[-1])
    return Tokens(ptr.astype(np.int64), flat)


@_inlined
def _slots(word, tokens, start, stop, mask, slots):  # type: ignore[no-untyped-def]
    """Write the slots of a word with tokens[start:stop]; return their number. A loop of hashes only is vectorized."""
    for k in range(stop - start):
        slots[k] = hash_pair(word, tokens[start + k]) & mask
    return stop - start


@_inlined
def _room(listing, ptr):  # type: ignore[no-untyped-def]
    most = 0
    for d in range(len(listing)):
        most = max(most, ptr[listing[d] + 1] - ptr[listing[d]])
    return np.empty(most, np.uint32)


@_kernel
def _mark(word, listing, ptr, tokens, occurs):  # type: ignore[no-untyped-def]
    slots = _room(listing, ptr)
    mask = np.uint32(len(occurs) - 1)
    for d in range(len(word)):
        for k in range(_slots(word[d], tokens, ptr[listing[d]], ptr[listing[d] + 1], mask, slots)):
            occurs[slots[k]] = True


@_kernel
def _write(word, listing, ptr, tokens, column, columns):  # type: ignore[no-untyped-def]
    slots = _room(listing, ptr)
    mask = np.uint32(len(column) - 1)
    written = 0
    for d in range(len(word)):
        for k in range(_slots(word[d], tokens, ptr[listing[d]], ptr[listing[d] + 1], mask, slots)):
            columns[written] = column[slots[k]]
            written += 1


@_kernel
def _scores(word, listing, ptr, tokens, column, w, s):  # type: ignore[no-untyped-def]
    slots = _room(listing, ptr)
    mask = np.uint32(len(column) - 1)
    for d in range(len(word)):
        total = 0.0
        for k in range(_slots(word[d], tokens, ptr[listing[d]], ptr[listing[d] + 1], mask, slots)):
            j = column[slots[k]]
            if j >= 0:
                total += w[j]
        s[d] = total


@_kernel
def _sums(word, listing, ptr, tokens, column, c, total):  # type: ignore[no-untyped-def]
    slots = _room(listing, ptr)
    mask = np.uint32(len(column) - 1)
    for d in range(len(word)):
        if c[d] != 0:
            for k in range(_slots(word[d], tokens, ptr[listing[d]], ptr[listing[d] + 1], mask, slots)):
                j = column[slots[k]]
                if j >= 0:
                    total[j] += c[d]
