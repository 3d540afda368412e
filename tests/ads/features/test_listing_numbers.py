"""Numbers of listings, row by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.features.listing_numbers import ListingNumbers

NUMBERS = ListingNumbers(["a", "b"], pa.array(["L1", "L2", "L3"]), np.arange(6, dtype=np.float32).reshape(3, 2))


def test_each_row_has_the_numbers_of_its_listing():
    rows = pa.record_batch({"listing_id": ["L3", "L9", None, "L1", "L3"]})
    names, x, codes = NUMBERS.of(rows)
    assert names == ["a", "b"]
    found = [None if code < 0 else x[code].tolist() for code in codes]
    assert found == [[4, 5], None, None, [0, 1], [4, 5]]


def test_rows_without_listings_have_no_numbers():
    assert NUMBERS.of(pa.record_batch({"query": ["mug", "tea"]})).codes.tolist() == [-1, -1]
    assert NUMBERS.of(pa.record_batch({"listing_id": pa.array([], pa.string())})).codes.tolist() == []
