"""Which rows the click model learns from, and how much each counts: balanced sampling and importance weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.types import F64
from etsyml_cli.text.hashing import feature_seed, hash_strings

IMPRESSION_ID = "impression_id"
HASHES = 1 << 32
MOST_WEIGHT = 1e9  # steps of far heavier rows leave nothing of what was learned before


class Chosen(NamedTuple):
    """Of N rows those that are learned, `rows` (N,), and of these K the weighted events and impressions, (K,) each.

    `standing_for` are the impressions of the K rows and of those that were left out in their favor.
    """

    rows: NDArray[np.bool_]
    clicks: F64
    impressions: F64
    standing_for: F64


def columns_to_choose(config: CtrConfig) -> list[str]:
    """The columns that `choose` reads, beside the label."""
    return [*([IMPRESSION_ID] if config.negatives < 1 else []), *([config.weight] if config.weight else [])]


def choose(rows: pa.RecordBatch, clicks: F64, impressions: F64, config: CtrConfig, seed: int) -> Chosen:
    """All rows with a click and `config.negatives` of the others, by a hash of the impression's id and the seed.

    So neither order nor batches matter. Raises DataError for weights that are no numbers from 0 to MOST_WEIGHT, for
    rows that count several impressions where some are to be left out, and for such rows without an id; UsageError
    where there are no weights.
    """
    weight = np.ones(rows.num_rows) if config.weight is None else _weights(rows, config.weight)
    chosen = np.ones(rows.num_rows, bool) if config.negatives == 1 else _balanced(rows, clicks, config.negatives, seed)
    events, shown = (weight * clicks)[chosen], (weight * impressions)[chosen]
    return Chosen(chosen, events, shown, np.where(events > 0, shown, shown / config.negatives))


def _balanced(rows: pa.RecordBatch, clicks: F64, rate: float, seed: int) -> NDArray[np.bool_]:
    if "impressions" in rows.schema.names:
        raise DataError("negatives: a row that counts several impressions cannot be left out", hint="Set negatives=1.")
    if IMPRESSION_ID not in rows.schema.names or rows.column(IMPRESSION_ID).null_count:
        raise DataError(
            f"negatives: rows without {IMPRESSION_ID}, by which they are chosen",
            hint="Ingest the impressions with ids, or set negatives=1.",
        )
    hashes = hash_strings(rows.column(IMPRESSION_ID).cast(pa.string()), feature_seed(f"negatives {seed}"))
    return (clicks > 0) | (hashes < rate * HASHES)


def _weights(rows: pa.RecordBatch, column: str) -> F64:
    if column not in rows.schema.names:
        raise UsageError(
            f"weight: the log has no column {column!r}", hint="A weight is a row's own, not its listing's."
        )
    try:
        values = rows.column(column).cast(pa.string()).cast(pa.float64())  # what no table declares is text
    except pa.ArrowInvalid as error:
        raise DataError(f"weight: {column!r} has a value that is no number: {error}") from None
    weights: F64 = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    if not np.all((weights >= 0) & (weights <= MOST_WEIGHT)):
        raise DataError(f"weight: {column!r} has a value that is missing, negative or above {MOST_WEIGHT:,.0f}")
    return weights
