"""Numeric features of listings, such as reduced photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.text.hashing import Numbers


@dataclass(frozen=True)
class ListingNumbers:
    """D named numbers of each of M listings: `x`, (M, D)."""

    names: list[str]
    listing_ids: pa.Array
    x: NDArray[Any]

    def of(self, rows: pa.RecordBatch) -> Numbers:
        """The numbers of N rows; none if the listing is unknown or missing."""
        if "listing_id" not in rows.schema.names:
            return Numbers(self.names, np.empty((0, len(self.names))), np.full(rows.num_rows, -1))
        positions = pc.index_in(rows.column("listing_id"), value_set=self.listing_ids).fill_null(-1)
        distinct, codes = np.unique(positions.to_numpy().astype(np.int64), return_inverse=True)
        missing = int(np.count_nonzero(distinct[:1] < 0))
        return Numbers(self.names, self.x[distinct[missing:]].astype(np.float64), codes - missing)
