"""The baseline of click models: FTRL over ids only, with a learning rate tuned on the training days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from etsyml_cli.ads.click_model import Part
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.derived.add import DerivedColumns
from etsyml_cli.ads.features.derived.column import row_inputs
from etsyml_cli.ads.features.rows import RowHasher
from etsyml_cli.ads.log.log import AdLog, counts, day_by_day
from etsyml_cli.ads.model.ftrl import learn, new_state, start_at
from etsyml_cli.core.log import progress
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.weighted import log_losses
from etsyml_cli.splits.days import DaySplit

ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.5)
SELECTION_DAYS = 7  # the learning rate with the lowest progressive log loss on the last training days is used
MAX_BITS = 20  # five models with few features are in memory at once


def baseline_rates(log: AdLog, listings: pa.Table | None, config: CtrConfig, split: DaySplit, base_rate: float) -> F64:
    """Click probability of each row of the split's test days in time order, (N,).

    The features are the columns of `config.history.categorical`, trained in one pass over all days before the test.
    Without such columns, every row has the base rate.
    """
    ids = config.history.categorical if config.history else ()
    if not ids:
        return np.full(log.rows(split.test_begins, split.last + 1), base_rate)
    columns = [column for column in dict.fromkeys(["listing_id", *ids, *row_inputs(ids)]) if column in log.columns]
    derived = DerivedColumns(ids, listings)
    bits = min(config.bits, MAX_BITS)
    hasher = RowHasher(categorical=ids, bits=bits, listings=listings, tokenize=config.tokenize)
    candidates = []
    for alpha in ALPHAS:
        part = Part(replace(config, bits=bits, alpha=alpha, negatives=1.0), new_state(bits), hasher)
        start_at(part.zn, base_rate, part.config)
        candidates.append(part)
    losses = np.zeros(len(candidates))
    with progress("train the baseline", log.rows(split.first, split.test_begins)) as advance:
        for batch in log.batches(columns, split.first, split.test_begins):
            for day, rows in day_by_day(batch):
                of_day = _learn(candidates, derived.add_to(rows))
                if day >= split.test_begins - SELECTION_DAYS:
                    losses += of_day
                advance(rows.num_rows)
    best = candidates[int(np.argmin(losses))]
    test_rows = log.batches(columns, split.test_begins, split.last + 1)
    return np.concatenate([np.empty(0), *(best.predict(derived.add_to(rows), []) for rows in test_rows)])


def _learn(candidates: list[Part], rows: pa.RecordBatch) -> F64:
    """Train all candidates on the rows; returns the summed log loss of their predictions made just before, (C,)."""
    clicks, impressions = counts(rows)
    hashed = candidates[0].hash_rows(rows)
    predicted = [learn(part.zn, *hashed, clicks, impressions, part.config) for part in candidates]
    return np.array([log_losses(p, clicks, impressions).sum() for p in predicted])
