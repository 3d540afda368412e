"""Rows of the test days of a click model, with the columns that its features and auctions need."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel, input_columns
from etsyml_cli.ads.log.log import AdLog
from etsyml_cli.io.wide import widened
from etsyml_cli.splits.days import DaySplit

AUCTION_COLUMNS = ("listing_id", "query", "bid")


def rows_of_test(log: AdLog, split: DaySplit, model: CtrModel, most: int) -> pa.RecordBatch:
    """At most `most` rows of the test days, evenly spread, in time order."""
    wanted = [
        column for column in dict.fromkeys([*AUCTION_COLUMNS, *input_columns(model.config)]) if column in log.columns
    ]
    table = pa.Table.from_batches(log.batches(wanted, split.test_begins, split.last + 1))
    return evenly(widened(table).combine_chunks().to_batches()[0], most)


def evenly(rows: pa.RecordBatch, most: int) -> pa.RecordBatch:
    """At most `most` of the rows, evenly spread."""
    if rows.num_rows <= most:
        return rows
    return rows.take(pa.array(np.linspace(0, rows.num_rows - 1, most).astype(np.int64)))
