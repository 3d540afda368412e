"""Age of a listing at the time of a row, in whole days."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.features.derived.column import DerivedColumn
from etsyml_cli.core.days import MICROSECONDS_PER_DAY


def listing_age_days(times: pa.Array, created_at: pa.Array) -> pa.Array:
    """Whole days from `created_at` to `times`, (N,); null if either is null or the listing was created later."""
    age = pc.subtract(times.cast(pa.int64()), created_at.cast(pa.int64()))
    known = pc.if_else(pc.less(age, 0), pa.scalar(None, pa.int64()), age)
    return pc.divide(known, MICROSECONDS_PER_DAY)  # rounds towards 0, and no age is negative


LISTING_AGE_DAYS = DerivedColumn(listing_age_days, pa.int64(), listing=("created_at",))
