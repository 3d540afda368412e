"""Rows that a click model is trained on, and their weights: downsampling of non-clicks and importance weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64
from etsyml_cli.text.hashing import feature_seed, hash_strings

IMPRESSION_ID = "impression_id"
HASHES = 1 << 32
MAX_WEIGHT = 1e9  # steps of heavier rows would erase everything learned before


class Sample(NamedTuple):
    """The sampled rows of N, a mask `rows` (N,), and weighted events and impressions of these K rows, (K,) each.

    `represented` are the impressions of the K rows scaled up by those of the rows left out, (K,).
    """

    rows: NDArray[np.bool_]
    clicks: F64
    impressions: F64
    represented: F64


def sampling_columns(config: CtrConfig) -> list[str]:
    """The columns that `sample_rows` reads, in addition to the label."""
    return [*([IMPRESSION_ID] if config.negatives < 1 else []), *([config.weight] if config.weight else [])]


def sample_rows(rows: pa.RecordBatch, clicks: F64, impressions: F64, config: CtrConfig, seed: int) -> Sample:
    """All rows with a click and a share `config.negatives` of the others, by a hash of impression id and seed.

    The sample does not depend on the order of rows or on batches. Raises DataError if a weight is not a number from 0
    to MAX_WEIGHT, and, if rows are to be left out, if rows are aggregates or have no id.
    """
    weight = np.ones(rows.num_rows) if config.weight is None else _weights(rows, config.weight)
    sampled = np.ones(rows.num_rows, bool) if config.negatives == 1 else _balanced(rows, clicks, config.negatives, seed)
    events, shown = (weight * clicks)[sampled], (weight * impressions)[sampled]
    return Sample(sampled, events, shown, np.where(events > 0, shown, shown / config.negatives))


def _balanced(rows: pa.RecordBatch, clicks: F64, rate: float, seed: int) -> NDArray[np.bool_]:
    if "impressions" in rows.schema.names:
        raise DataError("negatives < 1 needs one row per impression, but rows are aggregates", hint="Set negatives=1.")
    if IMPRESSION_ID not in rows.schema.names or rows.column(IMPRESSION_ID).null_count:
        raise DataError(
            f"negatives < 1 needs an {IMPRESSION_ID} in every row",
            hint="Ingest the impressions with ids, or set negatives=1.",
        )
    hashes = hash_strings(rows.column(IMPRESSION_ID).cast(pa.string()), feature_seed(f"negatives {seed}"))
    return (clicks > 0) | (hashes < rate * HASHES)


def _weights(rows: pa.RecordBatch, column: str) -> F64:
    try:
        values = rows.column(column).cast(pa.string()).cast(pa.float64())  # columns without a declared type are text
    except pa.ArrowInvalid as error:
        raise DataError(f"weight: {column!r} has a value that is not a number: {error}") from None
    weights: F64 = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    if not np.all((weights >= 0) & (weights <= MAX_WEIGHT)):
        raise DataError(f"weight: {column!r} has a value that is missing, negative or above {MAX_WEIGHT:,.0f}")
    return weights
