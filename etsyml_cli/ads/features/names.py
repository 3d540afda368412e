"""Names of hashed features, found by hashing the values of rows again.

`listing_id=L17`, `title:wool`, `price~9.03…11.9` (a bin with its range), `query*listing_id=red scarf*L17`,
`query*title:red*wool` (a pair of words), `shop_id.rate` (a number), and `bias`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.ads.features.rows import (
    BUCKETS_PER_E_FOLD,
    Feature,
    Hashes,
    RowHasher,
    buckets_of,
    hash_categories,
    hash_numbers,
    hash_words,
    word_cross_seed,
    words_of,
)
from etsyml_cli.text.hashing import Field, Numbers, feature_seed, pair_field

BIAS = "bias"

Positions = NDArray[np.int64]  # of rows in the listings table, (N,), −1 if not found


class NamedFeature(NamedTuple):
    """A feature of a row: its value `x` in `slot`. Two features of a row may share a slot."""

    name: str
    slot: int
    x: float


def named_features(
    hasher: RowHasher, rows: pa.RecordBatch, listings: pa.Table | None, numbers: Sequence[Numbers] = ()
) -> list[list[NamedFeature]]:
    """The features of N rows that `hasher`, made with these listings, hashes; the bias first."""
    features_of_rows = [[NamedFeature(BIAS, 1 << hasher.bits, 1.0)] for _ in range(rows.num_rows)]
    positions = hasher.listing_of(rows)
    for feature in hasher.features:
        for values in _values(feature.column, rows, positions, listings):
            _add(features_of_rows, NAMES[feature.hashed](values, feature), feature.hashes(values), hasher.bits)
    for cross in hasher.crosses:
        crossed = hasher.crossed(cross, rows, positions)
        texts = [_texts(feature.column, rows, positions, listings) for feature in cross]
        columns = "*".join(feature.column for feature in cross)
        for t in np.flatnonzero(crossed.codes >= 0).tolist():
            name = f"{columns}={'*'.join(str(of_column[t]) for of_column in texts)}"
            features_of_rows[t].append(NamedFeature(name, _slot(crossed.hashes[t], hasher.bits), 1.0))
    for first, second in hasher.word_crosses:
        of_columns = (list(_values(feature.column, rows, positions, listings)) for feature in (first, second))
        for texts_a, texts_b in product(*of_columns):
            names = _word_pairs(first, second, texts_a, texts_b)
            _add(features_of_rows, names, _hash_word_pairs(first, second, texts_a, texts_b), hasher.bits)
    for numbers_of_rows in numbers:
        slots = [_slot(feature_seed(name), hasher.bits) for name in numbers_of_rows.names]
        for t in np.flatnonzero(numbers_of_rows.codes >= 0).tolist():
            x = numbers_of_rows.x[numbers_of_rows.codes[t]].tolist()
            features_of_rows[t] += map(NamedFeature, numbers_of_rows.names, slots, x)
    return features_of_rows


def _word_pairs(first: Feature, second: Feature, texts_a: pa.Array, texts_b: pa.Array) -> list[str]:
    words_of_rows = zip(words_of(texts_a, first.tokenize), words_of(texts_b, second.tokenize), strict=True)
    return [f"{first.column}*{second.column}:{a}*{b}" for words in words_of_rows for a, b in product(*words)]


def _hash_word_pairs(first: Feature, second: Feature, texts_a: pa.Array, texts_b: pa.Array) -> Hashes:
    each_row = np.arange(len(texts_a))
    fields = Field(each_row, *first.hashes(texts_a)), Field(each_row, *second.hashes(texts_b))
    pairs = pair_field(*fields, word_cross_seed(first, second))
    return Hashes(pairs.ptr, pairs.hashes)


def _values(column: str, rows: pa.RecordBatch, positions: Positions, listings: pa.Table | None) -> Iterator[pa.Array]:
    """The own values of the rows, shape (N,), then the values of the listings for rows without one; else null."""
    missing = np.ones(rows.num_rows, bool)
    if column in rows.schema.names:
        own = rows.column(column)
        yield own.dictionary_decode() if pa.types.is_dictionary(own.type) else own
        missing = own.is_null().to_numpy(zero_copy_only=False)
    if listings is not None and column in listings.column_names and column != "listing_id":
        wanted = pa.array(positions, mask=~missing | (positions < 0))
        yield listings[column].combine_chunks().take(wanted)


def _texts(column: str, rows: pa.RecordBatch, positions: Positions, listings: pa.Table | None) -> list[str | None]:
    texts: list[str | None] = [None] * rows.num_rows
    for values in _values(column, rows, positions, listings):
        new_texts = values.cast(pa.string()).to_pylist()
        texts = [old if new is None else new for old, new in zip(texts, new_texts, strict=True)]
    return texts


def _add(features_of_rows: list[list[NamedFeature]], names: list[str], hashes: Hashes, bits: int) -> None:
    for t, row in enumerate(features_of_rows):
        for k in range(hashes.ptr[t], hashes.ptr[t + 1]):
            row.append(NamedFeature(names[k], _slot(hashes.hashes[k], bits), 1.0))


def _slot(hashed: int | np.uint32, bits: int) -> int:
    return int(hashed) & ((1 << bits) - 1)


def _categories(values: pa.Array, feature: Feature) -> list[str]:
    return [f"{feature.column}={text}" for text in values.drop_null().cast(pa.string()).to_pylist()]


def _words(values: pa.Array, feature: Feature) -> list[str]:
    return [f"{feature.column}:{word}" for text in words_of(values, feature.tokenize) for word in text]


def _buckets(values: pa.Array, feature: Feature) -> list[str]:
    buckets = buckets_of(values, feature.column).tolist()
    return [f"{feature.column}~{_start(b):.3g}…{_start(b + 1):.3g}" for b in buckets]


def _start(bucket: int) -> float:
    """The smallest number in a bucket."""
    return float(np.sign(bucket) * np.expm1(abs(bucket) / BUCKETS_PER_E_FOLD))


# function that hashes values -> function that names the hashes, in the same order
NAMES: dict[Callable[[pa.Array, Feature], Hashes], Callable[[pa.Array, Feature], list[str]]] = {
    hash_categories: _categories,
    hash_words: _words,
    hash_numbers: _buckets,
}
