"""An inverted index: the listings that contain a word, with counts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.types import I64
from etsyml_cli.text.tokenize import Words
from etsyml_cli.text.words import ListingWords

Counts = NDArray[np.uint32]

BASE = 1 << 26  # title + BASE · tags is exact in a double


@dataclass(frozen=True)
class Postings:
    """The listings of word w, of W in order: `rows[ptr[w]:ptr[w + 1]]`, ascending, with counts in title and tags.

    `length`, shape (I,), is the number of words of each listing. The arrays may be memory maps.
    """

    words: Words
    ptr: I64  # (W + 1,)
    rows: Counts  # (P,)
    title: Counts  # (P,)
    tags: Counts  # (P,)
    length: Counts  # (I,)

    def matching(self, words: Iterable[str]) -> tuple[I64, ListingWords]:
        """The listings with at least one of the words, shape (n,), ascending, and their word counts."""
        found = [place for word in dict.fromkeys(words) if (place := self._place(word)) is not None]
        spans = [slice(self.ptr[place], self.ptr[place + 1]) for place in found]
        holders = [np.asarray(self.rows[span], np.int64) for span in spans]
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *holders]))
        row = np.searchsorted(rows, np.concatenate([np.empty(0, np.int64), *holders]))
        column = np.repeat(np.arange(len(found)), [len(of_word) for of_word in holders])
        counts = [
            sparse.csr_matrix(
                (np.concatenate([np.empty(0), *(field[span] for span in spans)]), (row, column)),
                shape=(len(rows), len(found)),
            )
            for field in (self.title, self.tags)
        ]
        columns = {self.words[place]: column for column, place in enumerate(found)}
        return rows, ListingWords(columns, counts[0], counts[1], np.asarray(self.length[rows], np.int64))

    def _place(self, word: str) -> int | None:
        place = bisect_left(self.words, word)
        return place if place < len(self.words) and self.words[place] == word else None


class PostingsBuilder:
    """Collects the words of a catalog that is read in pieces; listings are numbered from 0 in their order."""

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}
        self._words: list[I64] = [np.empty(0, np.int64)]
        self._rows: list[Counts] = [np.empty(0, np.uint32)]
        self._counts: list[NDArray[np.float64]] = [np.empty(0)]
        self._lengths: list[I64] = [np.empty(0, np.int64)]
        self._n_listings = 0

    def add(self, piece: ListingWords) -> None:
        counts = sparse.coo_matrix(piece.title + BASE * piece.tags)
        numbers = [self._number_of.setdefault(word, len(self._number_of)) for word in piece.columns]
        self._words.append(np.array(numbers, np.int64)[counts.col])
        self._rows.append((counts.row + self._n_listings).astype(np.uint32))
        self._counts.append(counts.data)
        self._lengths.append(piece.length)
        self._n_listings += len(piece.length)

    def build(self) -> Postings:
        words = sorted(self._number_of)
        place_of = np.empty(len(words), np.int64)
        place_of[[self._number_of[word] for word in words]] = np.arange(len(words))
        place = place_of[np.concatenate(self._words)]
        order = np.argsort(place, kind="stable")  # stable: rows stay ascending
        counts = np.concatenate(self._counts)[order].astype(np.int64)
        return Postings(
            words=words,
            ptr=np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(words)))]).astype(np.int64),
            rows=np.concatenate(self._rows)[order],
            title=(counts % BASE).astype(np.uint32),
            tags=(counts // BASE).astype(np.uint32),
            length=np.concatenate(self._lengths).astype(np.uint32),
        )
