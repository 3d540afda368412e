"""Hashed features of rows of impressions, with columns of the listings table.

The value of a column is read from the row, and from the listing if the row has none. A missing value has no feature.
Values of listings are hashed once, when the hasher is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.text.hashing import (
    Field,
    HashedRows,
    Numbers,
    dense_field,
    feature_seed,
    hash_strings,
    hash_together,
    hashed_rows,
    pair_field,
    take_first,
)
from etsyml_cli.text.tokenize import Tokenizer, Words

BUCKETS_PER_E_FOLD = 4  # the bins of numbers are 28% wide


class Hashes(NamedTuple):
    """Hashes of V values: value v owns `hashes[ptr[v]:ptr[v + 1]]`. Each counts 1."""

    ptr: NDArray[np.int64]
    hashes: NDArray[np.uint32]


class Feature(NamedTuple):
    """The column of a feature, the function that hashes its distinct values, and the tokenizer of its texts."""

    column: str
    hashed: Callable[[pa.Array, Feature], Hashes]
    tokenize: Tokenizer

    def hashes(self, values: pa.Array) -> Hashes:
        """The hashes of V values."""
        return self.hashed(values, self)


class Keys(NamedTuple):
    """The keys of N rows in a history: `values`, (N,), valid if `present`, (N,)."""

    values: NDArray[np.uint64]
    present: NDArray[np.bool_]


class RowHasher:
    """Turns record batches of impressions into hashed rows over 2**bits slots."""

    def __init__(
        self,
        *,
        categorical: Sequence[str],
        text: Sequence[str] = (),
        crosses: Sequence[Sequence[str]] = (),
        word_crosses: Sequence[Sequence[str]] = (),
        numeric: Sequence[str] = (),
        counts: Sequence[Sequence[str]] = (),
        bits: int,
        listings: pa.Table | None,
        tokenize: Tokenizer,
    ) -> None:
        self.features = [
            *(Feature(column, hash_categories, tokenize) for column in categorical),
            *(Feature(column, hash_words, tokenize) for column in text),
            *(Feature(column, hash_numbers, tokenize) for column in numeric),
        ]
        self.crosses = [[Feature(column, hash_categories, tokenize) for column in cross] for cross in crosses]
        self.word_crosses = [[Feature(column, hash_words, tokenize) for column in cross] for cross in word_crosses]
        self.counts = [[Feature(column, hash_categories, tokenize) for column in columns] for columns in counts]
        self.bits = bits
        self.listing_ids = None if listings is None else listings["listing_id"].combine_chunks()
        self.listing_features: dict[Feature, Hashes] = {}
        self._latest: dict[Feature | str, tuple[pa.Array, Any]] = {}
        for feature in {*self.features, *chain(*self.crosses, *self.word_crosses, *self.counts)}:
            if listings is not None and feature.column in listings.column_names and feature.column != "listing_id":
                self.listing_features[feature] = feature.hashes(listings[feature.column].combine_chunks())

    def __call__(self, rows: pa.RecordBatch, numbers: Sequence[Numbers] = ()) -> HashedRows:
        """The hashed features of N rows, and `numbers`. Raises DataError for a number that is NaN or infinite."""
        listing = self.listing_of(rows)
        fields = [field for feature in self.features for field in self._fields(feature, rows, listing)]
        fields += [self.crossed(cross, rows, listing) for cross in self.crosses]
        for first, second in self.word_crosses:
            seed = word_cross_seed(first, second)
            pairs = product(self._fields(first, rows, listing), self._fields(second, rows, listing))
            fields += [pair_field(*pair, seed) for pair in pairs]
        fields += [dense_field(block) for block in numbers]
        return hashed_rows(fields, rows.num_rows, self.bits)

    def keys(self, rows: pa.RecordBatch) -> list[Keys]:
        """For each of `counts`, one key per row that combines its one or two values; present if the row has both."""
        listing = self.listing_of(rows)
        keys = []
        for columns in self.counts:
            parts, complete = self._parts(columns, rows, listing)
            first, last = parts[0].astype(np.uint64), parts[-1].astype(np.uint64)
            keys.append(Keys(first << np.uint64(32) | last, complete))
        return keys

    def listing_of(self, rows: pa.RecordBatch) -> NDArray[np.int64]:
        """The position of the listing of each row in the listings table, shape (N,), −1 if not found."""
        if self.listing_ids is None or "listing_id" not in rows.schema.names:
            return np.full(rows.num_rows, -1)
        ids = rows.column("listing_id").dictionary_encode()
        places = self._remembered("listing_id", ids.dictionary, self._places_of)
        return np.append(places, -1)[_codes(ids.indices)]

    def _places_of(self, listing_ids: pa.Array) -> NDArray[np.int64]:
        return _codes(pc.index_in(listing_ids, value_set=self.listing_ids))

    def _fields(self, feature: Feature, rows: pa.RecordBatch, listing: NDArray[np.int64]) -> Iterator[Field]:
        if feature.column in rows.schema.names:
            values = rows.column(feature.column).dictionary_encode()
            codes = _codes(values.indices)
            yield Field(codes, *self._remembered(feature, values.dictionary, feature.hashes))
            listing = np.where(codes < 0, listing, -1)
        if feature in self.listing_features:
            yield Field(listing, *self.listing_features[feature])

    def _remembered(self, what: Feature | str, values: pa.Array, make: Callable[[pa.Array], Any]) -> Any:
        """The result of `make`, cached: consecutive batches mostly have the same distinct values."""
        if what not in self._latest or not self._latest[what][0].equals(values):
            self._latest[what] = values, make(values)
        return self._latest[what][1]

    def crossed(self, cross: list[Feature], rows: pa.RecordBatch, listing: NDArray[np.int64]) -> Field:
        """One hash per row that has all values, of the hashes of the values."""
        parts, complete = self._parts(cross, rows, listing)
        hashes = hash_together(parts, feature_seed("*".join(feature.column for feature in cross)))
        every = np.arange(rows.num_rows)
        return Field(np.where(complete, every, -1), np.arange(rows.num_rows + 1), hashes)

    def _parts(
        self, cross: list[Feature], rows: pa.RecordBatch, listing: NDArray[np.int64]
    ) -> tuple[list[NDArray[np.uint32]], NDArray[np.bool_]]:
        """The hashes of the values of each feature, (N,) each, and a mask of the rows that have all values, (N,)."""
        parts = []
        complete = np.ones(rows.num_rows, bool)
        for feature in cross:
            part, present = np.zeros(rows.num_rows, np.uint32), np.zeros(rows.num_rows, bool)
            for field in self._fields(feature, rows, listing):
                take_first(field.codes, field.ptr, field.hashes, part, present)
            parts.append(part)
            complete &= present
        return parts, complete


def word_cross_seed(first: Feature, second: Feature) -> int:
    """The seed for hashing pairs of words of two columns."""
    return feature_seed(f"{first.column}*{second.column}.words")


def hash_categories(values: pa.Array, feature: Feature) -> Hashes:
    """One hash per value, as text; none for a null."""
    return _one_each(values, hash_strings(values.drop_null().cast(pa.large_string()), feature_seed(feature.column)))


def hash_words(values: pa.Array, feature: Feature) -> Hashes:
    """One hash per word of each text or list of texts."""
    if pa.types.is_list(values.type):
        ends = np.cumsum([0, *pc.list_value_length(values).fill_null(0).to_numpy()])
        of_texts = hash_words(values.flatten(), feature)
        return Hashes(of_texts.ptr[ends], of_texts.hashes)
    texts = pc.split_pattern(values.fill_null(""), " ")  # tokenize each distinct piece once
    pieces = texts.values.dictionary_encode()
    words = words_of(pieces.dictionary, feature.tokenize)
    hashes = hash_strings(pa.array(chain(*words), pa.string()), feature_seed(f"{feature.column}.words"))
    piece = _codes(pieces.indices)
    ends = np.cumsum([0, *map(len, words)])
    ptr, places = _runs(ends[piece], ends[piece + 1])
    return Hashes(ptr[texts.offsets.to_numpy()], hashes[places])


def words_of(values: pa.Array, tokenize: Tokenizer) -> list[Words]:
    """The words of each text or list of texts; a null has none."""
    return [tokenize(" ".join(value) if isinstance(value, list) else value) for value in values.to_pylist()]


def hash_numbers(values: pa.Array, feature: Feature) -> Hashes:
    """One hash per number, of its bin; none for a null. Raises as `buckets_of`."""
    texts = pa.array(buckets_of(values, feature.column)).cast(pa.string())
    return _one_each(values, hash_strings(texts, feature_seed(f"{feature.column}.log")))


def buckets_of(values: pa.Array, column: str) -> NDArray[np.int64]:
    """The bin of the logarithm, sgn(v)·log(1 + |v|), of each value v that is not null.

    Raises DataError if a value is not a number, NaN or infinite.
    """
    try:
        numbers = values.drop_null().cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise DataError(f"features.numeric: {column!r} has a value that is not a number: {error}") from None
    if not np.all(np.isfinite(numbers)):
        raise DataError(f"features.numeric: {column!r} has a value that is NaN or infinite")
    buckets = np.floor(BUCKETS_PER_E_FOLD * np.sign(numbers) * np.log1p(np.abs(numbers)))
    return np.asarray(buckets, np.int64)


def _one_each(values: pa.Array, hashes: NDArray[np.uint32]) -> Hashes:
    ptr = np.concatenate([[0], np.cumsum(values.is_valid().to_numpy(zero_copy_only=False))])
    return Hashes(ptr, hashes)


def _runs(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The start of each of N ranges starts … stops − 1 in their concatenation, (N + 1,), and the concatenation."""
    ptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(stops - starts)])
    return ptr, np.arange(ptr[-1]) + np.repeat(starts - ptr[:-1], stops - starts)


def _codes(indices: pa.Array) -> NDArray[np.int64]:
    """Arrow indices as integers, a null as −1."""
    codes: NDArray[np.int64] = indices.cast(pa.int64()).fill_null(-1).to_numpy()
    return codes
