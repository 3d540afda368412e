"""Numbers of listings and the parts of a clock, row by row."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.features.derived import add_time_columns
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


def test_hour_and_weekday_are_those_of_the_time_in_utc():
    times = [datetime(2026, 11, 25, 13, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), None]
    rows = pa.record_batch({"created_at": pa.array(times, pa.timestamp("us", "UTC"))})
    found = add_time_columns(rows, "created_at", ["hour", "weekday"]).to_pydict()
    assert found["hour"] == [13, 0, None]
    assert found["weekday"] == [2, 3, None]  # a Wednesday and a Thursday


def test_only_what_is_wanted_and_not_there_yet_is_added():
    rows = pa.record_batch({"hour": [7]})
    assert add_time_columns(rows, "created_at", ["hour", "weekday"]).schema.names == ["hour"]
    timed = pa.record_batch({"created_at": pa.array([0], pa.timestamp("us", "UTC")), "hour": [7]})
    assert add_time_columns(timed, "created_at", ["hour"]).to_pydict()["hour"] == [7]
    assert add_time_columns(timed, "created_at", []).schema.names == ["created_at", "hour"]
