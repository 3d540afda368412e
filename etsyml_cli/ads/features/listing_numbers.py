"""Numbers of listings, such as reduced photos, as features of the rows that show them."""

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
        """The numbers of N rows: none for a listing that is not known, and for a row without one."""
        if "listing_id" not in rows.schema.names:
            return Numbers(self.names, np.empty((0, len(self.names))), np.full(rows.num_rows, -1))
        places = pc.index_in(rows.column("listing_id"), value_set=self.listing_ids).fill_null(-1)
        met, codes = np.unique(places.to_numpy().astype(np.int64), return_inverse=True)
        missing = int(np.count_nonzero(met[:1] < 0))
        return Numbers(self.names, self.x[met[missing:]].astype(np.float64), codes - missing)
