"""What a click model must beat: FTRL over the ad's ids alone, its learning rate tuned on the very days it learns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from etsyml_cli.ads.click_model import Part
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.rows import RowHasher
from etsyml_cli.ads.log import AdLog, counts, day_by_day
from etsyml_cli.ads.model.ftrl import learn, new_state, start_at
from etsyml_cli.core.log import progress
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.weighted import log_losses
from etsyml_cli.splits.days import DaySplit

ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.5)
CHOICE_DAYS = 7  # the last training days, on which the least progressive log loss decides between them
MOST_BITS = 20  # five models are in memory at once, of few features


def baseline_rates(log: AdLog, listings: pa.Table | None, config: CtrConfig, split: DaySplit, base_rate: float) -> F64:
    """Click probability of each row of the split's test days in time order, (N,).

    By the columns of `config.history.categorical`, learned in one pass over all days before; where there are none,
    the base rate for everyone.
    """
    ids = config.history.categorical if config.history else ()
    if not ids:
        return np.full(log.rows(split.test_begins, split.last + 1), base_rate)
    columns = [column for column in ("listing_id", *ids) if column in log.columns]
    bits = min(config.bits, MOST_BITS)
    hasher = RowHasher(categorical=ids, bits=bits, listings=listings)
    candidates = []
    for alpha in ALPHAS:
        part = Part(replace(config, bits=bits, alpha=alpha, negatives=1.0), new_state(bits), hasher)
        start_at(part.zn, base_rate, part.config)
        candidates.append(part)
    losses = np.zeros(len(candidates))
    with progress("train the baseline", log.rows(split.first, split.test_begins)) as advance:
        for batch in log.batches(columns, split.first, split.test_begins):
            for day, rows in day_by_day(batch):
                found = _learn(candidates, rows)
                if day >= split.test_begins - CHOICE_DAYS:
                    losses += found
                advance(rows.num_rows)
    best = candidates[int(np.argmin(losses))]
    tested = log.batches(columns, split.test_begins, split.last + 1)
    return np.concatenate([np.empty(0), *(best.predict(rows, []) for rows in tested)])


def _learn(candidates: list[Part], rows: pa.RecordBatch) -> F64:
    """Let all learn from the rows; returns each one's log loss, summed over what it predicted just before, (C,)."""
    clicks, impressions = counts(rows)
    hashed = candidates[0].hash_rows(rows)
    predicted = [learn(part.zn, *hashed, clicks, impressions, part.config) for part in candidates]
    return np.array([log_losses(p, clicks, impressions).sum() for p in predicted])
