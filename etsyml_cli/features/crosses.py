"""Query × listing features: hashed pairs of a query word and a listing token, and the words of a query by number."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.features.hashing import feature_seed, hash_together, hash_words
from etsyml_cli.features.text import Words, tokenize

Ints = NDArray[np.int64]

SEED = feature_seed("word_crosses")
PAIRS_AT_ONCE = 1 << 20


class Tokens(NamedTuple):
    """The hashed tokens of N things: thing t owns hashes[ptr[t]:ptr[t + 1]]."""

    ptr: Ints
    hashes: NDArray[np.uint32]

    def take(self, things: Ints) -> Tokens:
        """The tokens of these things only."""
        n = np.diff(self.ptr)[things]
        ptr = np.concatenate([[0], np.cumsum(n)])
        places = np.repeat(self.ptr[things] - ptr[:-1], n) + np.arange(ptr[-1])
        return Tokens(ptr, self.hashes[places])


class CrossedRows(NamedTuple):
    """N rows of pairs: row r has the value scale[r] in each of slots[ptr[r]:ptr[r + 1]]."""

    ptr: Ints
    slots: NDArray[np.uint32]
    scale: NDArray[np.float64]

    def seen(self) -> NDArray[np.uint32]:
        """The slots that occur, ascending."""
        return np.unique(self.slots)

    def among(self, known: NDArray[np.uint32], bits: int) -> CrossedRows:
        """The pairs whose slot is one of `known` (ascending), as places in it; the others are dropped."""
        place_of = np.full(1 << bits, -1, np.int64)
        place_of[known] = np.arange(len(known))
        places = place_of[self.slots]
        found = places >= 0
        ptr = np.concatenate([[0], np.cumsum(found)])[self.ptr]
        return CrossedRows(ptr, places[found].astype(np.uint32), self.scale)


def query_tokens(queries: Sequence[str], own: Set[str] = frozenset()) -> Tokens:
    """The different words of each query, and the query as a whole where it is one of `own`."""
    return _hashed([[("query", word) for word in words_of_query(query, own)] for query in queries])


def listing_tokens(fields: Sequence[Sequence[tuple[str, str]]]) -> Tokens:
    """The different (field, token) pairs of each listing: a word is another one in the title than among the tags."""
    return _hashed([list(dict.fromkeys(found)) for found in fields])


def joined(parts: Sequence[Tokens]) -> Tokens:
    """The tokens of all parts' things, one part after the other."""
    sizes = np.concatenate([np.diff(part.ptr) for part in parts])
    return Tokens(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([part.hashes for part in parts]))


def words_of_query(query: str, own: Set[str] = frozenset()) -> Words:
    """The different words of a query, in order, and the query as a whole where it is one of `own`."""
    words = list(dict.fromkeys(tokenize(query)))
    return [*words, whole] if (whole := whole_query(query)) in own else words


def whole_query(query: str) -> str:
    """The query as one token: the same for all ways to write its words in this order."""
    return "=" + " ".join(tokenize(query))


def cross(queries: Tokens, listings: Tokens, query: Ints, listing: Ints, bits: int) -> CrossedRows:
    """Every query word with every listing token of N rows, hashed to 2**bits slots; each row has length 1.

    `query` and `listing`, shape (N,), name the rows of the tokens. The slot of a pair is `hash_together` of both.
    """
    n_words, n_tokens = np.diff(queries.ptr)[query], np.diff(listings.ptr)[listing]
    ptr = np.concatenate([[0], np.cumsum(n_words * n_tokens)])
    slots = np.empty(ptr[-1], np.uint32)
    mask = np.uint32((1 << bits) - 1)
    step = max(1, PAIRS_AT_ONCE // max(1, int((n_words * n_tokens).max(initial=1))))
    for start in range(0, len(query), step):
        rows = slice(start, start + step)
        first, second = _pairs(*queries, *listings, query[rows], listing[rows])
        slots[ptr[start] : ptr[min(start + step, len(query))]] = hash_together([first, second], SEED) & mask
    return CrossedRows(ptr, slots, 1 / np.sqrt(np.maximum(n_words * n_tokens, 1)))


def query_word_rows(queries: Sequence[str], words: Sequence[str], own: Set[str] = frozenset()) -> sparse.csr_matrix:
    """Which of U known words each of Q queries holds, shape (Q, U), rows of length 1 (or 0)."""
    column_of = {word: column for column, word in enumerate(words)}
    found = [[column_of[word] for word in words_of_query(query, own) if word in column_of] for query in queries]
    values = np.concatenate([np.full(len(of_one), len(of_one) ** -0.5) for of_one in found if of_one] or [np.empty(0)])
    indices = np.array([column for of_one in found for column in of_one], dtype=np.int64)
    return sparse.csr_matrix((values, indices, np.cumsum([0, *map(len, found)])), shape=(len(queries), len(words)))


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


@njit(cache=True, nogil=True)
def _pairs(q_ptr, q_hash, l_ptr, l_hash, query, listing):  # type: ignore[no-untyped-def]
    """Both hashes of every pair of N rows, row after row."""
    n = 0
    for r in range(len(query)):
        n += (q_ptr[query[r] + 1] - q_ptr[query[r]]) * (l_ptr[listing[r] + 1] - l_ptr[listing[r]])
    first, second = np.empty(n, np.uint32), np.empty(n, np.uint32)
    k = 0
    for r in range(len(query)):
        for a in range(q_ptr[query[r]], q_ptr[query[r] + 1]):
            for b in range(l_ptr[listing[r]], l_ptr[listing[r] + 1]):
                first[k], second[k] = q_hash[a], l_hash[b]
                k += 1
    return first, second
