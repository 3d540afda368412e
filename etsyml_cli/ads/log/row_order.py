"""Order rows of equal time by a seeded hash of their values, so that the order of the file does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.text.hashing import feature_seed, hash_strings

TIME = "created_at"

Hashes = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)


def ordered(batches: Iterator[pa.RecordBatch], seed: int, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield rows in time order, those of equal time by a hash of all columns, in batches of at most `batch_rows`.

    Rows of the same time are kept in memory until a row of a later time is read.
    """
    held: list[pa.RecordBatch] = []
    for batch in batches:
        times = microseconds(batch)
        last_run = int(np.searchsorted(times, times[-1]))
        if last_run == 0 and (not held or microseconds(held[0])[0] == times[0]):
            held.append(batch)
            continue
        yield from _slices(_by_hash(pa.concat_batches([*held, batch.slice(0, last_run)]), seed), batch_rows)
        held = [batch.slice(last_run)]
    if held:
        yield from _slices(_by_hash(pa.concat_batches(held), seed), batch_rows)


def microseconds(rows: pa.RecordBatch | pa.Table) -> NDArray[np.int64]:
    """The time of each row in microseconds since 1970-01-01, shape (N,)."""
    times: NDArray[np.int64] = rows.column(TIME).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return times


def _slices(rows: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows.num_rows, size):
        yield rows.slice(start, size)


def _by_hash(rows: pa.RecordBatch, seed: int) -> pa.RecordBatch:
    """Sort rows of equal time by hash. Equal rows are numbered and hashed with their number, to be spread too."""
    times = microseconds(rows)
    same = np.diff(times) == 0
    places = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(places) == 0:
        return rows
    times, hashes = times[places], _hashes(rows.take(pa.array(places)), seed)
    by_content = np.lexsort((hashes, times))
    times, hashes = times[by_content], hashes[by_content]
    place = np.arange(len(places))
    new = np.append(True, (np.diff(times) != 0) | (hashes[1:] != hashes[:-1]))
    number = (place - np.maximum.accumulate(np.where(new, place, 0))).astype(np.uint64)
    by_hash = by_content[np.lexsort((_mixed(hashes + number * _STEP), times))]
    order = np.arange(rows.num_rows)
    order[places] = places[by_hash]
    return rows.take(pa.array(order))


def _hashes(rows: pa.RecordBatch, seed: int) -> Hashes:
    """A hash of the values of each row, shape (N,), which does not depend on the order of the columns."""
    total = np.zeros(rows.num_rows, np.uint64)
    for name in rows.schema.names:
        if name != TIME:
            of_name = np.array([feature_seed(f"order {seed} {name}")], np.uint64) * _STEP
            total += _mixed(_of_column(rows.column(name)) + of_name)
    return total


def _of_column(values: pa.Array) -> Hashes:
    if pa.types.is_dictionary(values.type):
        of_value = np.append(_of_column(values.dictionary), np.uint64(0))
        return np.asarray(of_value[values.indices.fill_null(len(values.dictionary)).to_numpy()])
    if pa.types.is_string(values.type):
        high, low = (hash_strings(values, number).astype(np.uint64) for number in (1, 2))
        return np.where(values.is_valid().to_numpy(zero_copy_only=False), high << np.uint64(32) | low, np.uint64(0))
    numbers = values.cast(pa.float64(), safe=False).fill_null(np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False).view(np.uint64))


def _mixed(x: Hashes) -> Hashes:
    """The finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA'14)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
