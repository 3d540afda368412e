"""Feature hashing (Weinberger et al., ICML'09): MurmurHash3 x86-32 of a value, seeded by its feature's name.

Hashes are equal to `mmh3.hash(value, mmh3.hash(name), signed=False)`, but computed directly on Arrow's string
buffers. A slot is the last `bits` bits of the hash; slots do not depend on the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mmh3
import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError

LAST_BITS = np.uint32((1 << 13) - 1)

_inlined = njit(cache=True, nogil=True, inline="always")


class HashedRows(NamedTuple):
    """N rows in CSR format: row t has values `x[ptr[t]:ptr[t + 1]]` in the distinct `slots` of the same range."""

    ptr: NDArray[np.int64]  # (N + 1,)
    slots: NDArray[np.uint32]  # (nnz,)
    x: NDArray[np.float64]  # (nnz,)


class Field(NamedTuple):
    """A feature of N rows over V values: row t has the hashes of value `codes[t]`, or none if the code is -1."""

    codes: NDArray[np.int64]  # (N,)
    ptr: NDArray[np.int64]  # (V + 1,): value v has hashes[ptr[v]:ptr[v + 1]]
    hashes: NDArray[np.uint32]  # (H,)
    x: NDArray[np.float64] | None = None  # (H,); None: all are 1


class Numbers(NamedTuple):
    """D named numeric features of N rows over V values: row t has `x[codes[t]]`, or none if the code is -1."""

    names: Sequence[str]  # D
    x: NDArray[np.float64]  # (V, D)
    codes: NDArray[np.int64]  # (N,)


def feature_seed(name: str) -> int:
    """The hash seed for the values of a feature."""
    return mmh3.hash(name, signed=False)


def hash_strings(strings: pa.Array, seed: int) -> NDArray[np.uint32]:
    """Hashes of the UTF-8 bytes of N strings, shape (N,); a null has the hash of the empty string."""
    hashes = np.empty(len(strings), np.uint32)
    if len(strings):
        strings = strings.cast(pa.large_string())
        _, offsets, data = strings.buffers()
        bounds = np.frombuffer(offsets, np.int64)[strings.offset : strings.offset + len(strings) + 1]
        _hash_slices(np.frombuffer(data or b"", np.uint8), bounds, np.uint32(seed), hashes)
    return hashes


def hash_words(words: list[str], seed: int) -> NDArray[np.uint32]:
    """Hashes of N words, shape (N,)."""
    return hash_strings(pa.array(words, pa.large_string()), seed)


def hash_together(parts: list[NDArray[np.uint32]], seed: int) -> NDArray[np.uint32]:
    """Combine the hashes of each row, shape (N,): the hash of their little-endian bytes, in order."""
    columns = np.stack(parts, axis=1).astype("<u4")
    bounds = np.arange(len(columns) + 1, dtype=np.int64) * columns.shape[1] * columns.itemsize
    hashes = np.empty(len(columns), np.uint32)
    _hash_slices(columns.reshape(-1).view(np.uint8), bounds, np.uint32(seed), hashes)
    return hashes


def prepare_pairs(
    first: NDArray[np.uint32], second: NDArray[np.uint32], seed: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Precompute the parts of `hash_pair` that depend on one hash only, so that all pairs can be hashed quickly."""
    return _start_pairs(first, np.uint32(seed)), _mix_all(second)


def dense_field(numbers: Numbers) -> Field:
    """The numeric features as a field, hashed by their names. Raises DataError for a NaN or infinite value."""
    values, width = numbers.x.shape
    finite = np.isfinite(numbers.x).all(axis=0)
    if not finite.all():
        raise DataError(f"{numbers.names[int(np.argmin(finite))]} is NaN or infinite")
    hashes = np.tile(np.array([feature_seed(name) for name in numbers.names], np.uint32), values)
    return Field(numbers.codes, np.arange(values + 1) * width, hashes, numbers.x.reshape(-1))


def pair_field(first: Field, second: Field, seed: int) -> Field:
    """Cross of two fields: all pairs of hashes of a row, combined as in `hash_together`, each with value 1."""
    together = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * len(second.ptr) + second.codes)
    distinct, codes = np.unique(together, return_inverse=True)
    missing = int(np.count_nonzero(distinct[:1] < 0))
    a, b = np.divmod(distinct[missing:], len(second.ptr))
    ptr = np.concatenate([[0], np.cumsum(np.diff(first.ptr)[a] * np.diff(second.ptr)[b])])
    hashes = np.empty(ptr[-1], np.uint32)
    _pairs(a, b, first.ptr, second.ptr, *prepare_pairs(first.hashes, second.hashes, seed), ptr, hashes)
    return Field(codes - missing, ptr, hashes)


def hashed_rows(fields: list[Field], n_rows: int, bits: int) -> HashedRows:
    """Features of N rows over 2**bits slots, and the bias: 1 in the additional slot 2**bits.

    Values in equal slots of a row are summed.
    """
    lengths = np.ones(n_rows, np.int64)
    for field in fields:
        _add_lengths(field.codes, field.ptr, lengths)
    ptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    slots = np.full(ptr[-1], 1 << bits, np.uint32)
    x = np.ones(ptr[-1])
    free = ptr[:-1] + 1
    mask = np.uint32((1 << bits) - 1)
    for codes, starts, hashes, values in fields:
        if values is None:
            _append_ones(codes, starts, hashes, mask, free, slots)
        else:
            _append(codes, starts, hashes, values, mask, free, slots, x)
    kept = _merge_equal_slots(ptr, slots, x, int(lengths.max(initial=1)))
    return HashedRows(ptr, slots[:kept], x[:kept])


@_inlined
def _mix(k):  # type: ignore[no-untyped-def]
    """Mix four bytes of input (MurmurHash3; Appleby, 2011)."""
    k = np.uint32(k * np.uint32(0xCC9E2D51))
    k = np.uint32((k << np.uint32(15)) | (k >> np.uint32(17)))
    return np.uint32(k * np.uint32(0x1B873593))


@_inlined
def _update(h, mixed):  # type: ignore[no-untyped-def]
    h = np.uint32(h ^ mixed)
    h = np.uint32((h << np.uint32(13)) | (h >> np.uint32(19)))
    return np.uint32(h * np.uint32(5) + np.uint32(0xE6546B64))


@_inlined
def _finalize(h, length):  # type: ignore[no-untyped-def]
    h = np.uint32(h ^ length)
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@_inlined
def hash_pair(first, second):  # type: ignore[no-untyped-def]
    """The hash of a pair, equal to `hash_together`, from the values of `prepare_pairs`."""
    return _finalize(_update(first, second), np.uint32(8))


@njit(cache=True, nogil=True)
def _start_pairs(hashes, seed):  # type: ignore[no-untyped-def]
    states = np.empty_like(hashes)
    for i in range(len(hashes)):
        states[i] = _update(seed, _mix(hashes[i]))
    return states


@njit(cache=True, nogil=True)
def _mix_all(hashes):  # type: ignore[no-untyped-def]
    mixed = np.empty_like(hashes)
    for i in range(len(hashes)):
        mixed[i] = _mix(hashes[i])
    return mixed


@njit(cache=True, nogil=True)
def _hash_slices(data, bounds, seed, hashes):  # type: ignore[no-untyped-def]
    """MurmurHash3_x86_32 of data[bounds[i]:bounds[i + 1]] for each i."""
    for i in range(len(hashes)):
        start, stop = bounds[i], bounds[i + 1]
        tail = stop - (stop - start) % 4
        h = seed
        for j in range(start, tail, 4):
            h = _update(h, _mix(np.uint32(data[j] | data[j + 1] << 8 | data[j + 2] << 16 | data[j + 3] << 24)))
        k = np.uint32(0)
        for j in range(tail, stop):
            k |= np.uint32(data[j] << (8 * (j - tail)))
        hashes[i] = _finalize(h ^ _mix(k), np.uint32(stop - start))


@njit(cache=True, nogil=True)
def _pairs(a, b, ptr_a, ptr_b, states, mixed, ptr, hashes):  # type: ignore[no-untyped-def]
    for t in range(len(a)):
        free = ptr[t]
        for i in range(ptr_a[a[t]], ptr_a[a[t] + 1]):
            for j in range(ptr_b[b[t]], ptr_b[b[t] + 1]):
                hashes[free] = hash_pair(states[i], mixed[j])
                free += 1


@njit(cache=True, nogil=True)
def _add_lengths(codes, ptr, lengths):  # type: ignore[no-untyped-def]
    for t in range(len(codes)):
        if codes[t] >= 0:
            lengths[t] += ptr[codes[t] + 1] - ptr[codes[t]]


@njit(cache=True, nogil=True)
def take_first(codes, ptr, hashes, first, present):  # type: ignore[no-untyped-def]
    """Write the first hash of each row's value to `first` (N,), and whether there is one to `present` (N,)."""
    for t in range(len(codes)):
        if codes[t] >= 0 and ptr[codes[t]] < ptr[codes[t] + 1]:
            first[t] = hashes[ptr[codes[t]]]
            present[t] = True


@njit(cache=True, nogil=True)
def _append_ones(codes, ptr, hashes, mask, free, slots):  # type: ignore[no-untyped-def]
    """`_append` for values of 1, which `x` is initialized with; three times as fast."""
    for t in range(len(codes)):
        if codes[t] < 0:
            continue
        position = free[t]
        for k in range(ptr[codes[t]], ptr[codes[t] + 1]):
            slots[position] = hashes[k] & mask
            position += 1
        free[t] = position


@njit(cache=True, nogil=True)
def _append(codes, ptr, hashes, values, mask, free, slots, x):  # type: ignore[no-untyped-def]
    """Append the hashes of one field to each row, at the row's next free position."""
    for t in range(len(codes)):
        if codes[t] < 0:
            continue
        for k in range(ptr[codes[t]], ptr[codes[t] + 1]):
            slots[free[t]] = hashes[k] & mask
            x[free[t]] = values[k]
            free[t] += 1


@njit(cache=True, nogil=True)
def _merge_equal_slots(ptr, slots, x, longest):  # type: ignore[no-untyped-def]
    """Sum the values of equal slots of a row, in place; return the number of remaining entries.

    Rows whose slots differ in the last bits (most rows) have no equal slots; in the others a small open-addressing
    hash table finds them. The tables are not cleared between rows, because their entries store the row.
    """
    size = 2
    while size < 2 * longest:
        size *= 2
    row_of = np.full(size, -1, np.int64)
    entry = np.empty(size, np.int64)
    row_of_last_bits = np.full(LAST_BITS + 1, -1, np.int32)
    kept = start = 0
    for t in range(len(ptr) - 1):
        stop = ptr[t + 1]
        may_have_equal_slots = False
        for k in range(start, stop):
            may_have_equal_slots |= row_of_last_bits[slots[k] & LAST_BITS] == t
            row_of_last_bits[slots[k] & LAST_BITS] = t
        if may_have_equal_slots:
            for k in range(start, stop):
                h = np.int64(slots[k]) & (size - 1)
                while row_of[h] == t and slots[entry[h]] != slots[k]:
                    h = (h + 1) & (size - 1)
                if row_of[h] == t:
                    x[entry[h]] += x[k]
                else:
                    row_of[h], entry[h] = t, kept
                    slots[kept], x[kept] = slots[k], x[k]
                    kept += 1
        elif kept < start:
            for k in range(start, stop):
                slots[kept], x[kept] = slots[k], x[k]
                kept += 1
        else:
            kept = stop
        start = stop
        ptr[t + 1] = kept
    return kept
