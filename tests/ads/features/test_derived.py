"""Derived columns of rows: hour, weekday and the age of the listing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from etsyml_cli.ads.features.derived.add import DerivedColumns
from etsyml_cli.ads.features.derived.column import DERIVED, computable_types, derived_columns

TIME = pa.timestamp("us", "UTC")
NOW = datetime(2026, 11, 25, 13, 59, tzinfo=UTC)  # a Wednesday


def timed(*times: datetime | None, **columns) -> pa.RecordBatch:
    return pa.record_batch({"created_at": pa.array(times, TIME), **columns})


def listings_created(*times: datetime | None) -> pa.Table:
    return pa.table({"listing_id": [f"L{i}" for i in range(len(times))], "created_at": pa.array(times, TIME)})


def test_hour_and_weekday_are_those_of_the_time_in_utc():
    rows = DerivedColumns(["hour", "weekday"], None).add_to(timed(NOW, datetime(1970, 1, 1, tzinfo=UTC), None))
    assert rows.column("hour").to_pylist() == [13, 0, None]
    assert rows.column("weekday").to_pylist() == [2, 3, None]  # a Wednesday and a Thursday


def test_only_columns_that_are_used_and_can_be_computed_are_added():
    assert DerivedColumns(["hour"], None).add_to(timed(NOW)).schema.names == ["created_at", "hour"]
    assert DerivedColumns(["hour"], None).add_to(pa.record_batch({"query": ["mug"]})).schema.names == ["query"]
    no_listings = DerivedColumns(["listing_age_days"], None)
    assert no_listings.add_to(timed(NOW, listing_id=["L0"])).schema.names == ["created_at", "listing_id"]


@pytest.mark.parametrize("own", [pa.array(["7", None]), pa.array(["7", None]).dictionary_encode()])
def test_a_value_of_the_row_itself_is_kept(own):
    assert DerivedColumns(["hour"], None).add_to(timed(NOW, NOW, hour=own)).column("hour").to_pylist() == ["7", "13"]


@pytest.mark.parametrize("dictionary", [False, True])
def test_the_age_of_a_listing_is_whole_days_and_never_negative(dictionary):
    day = timedelta(days=1)
    created = [NOW - 3 * day, NOW - 3 * day + timedelta(microseconds=1), NOW, NOW + timedelta(hours=1), None]
    ids = pa.array([*(f"L{i}" for i in range(5)), "other", None, "L0"])
    rows = timed(*[NOW] * 7, None, listing_id=ids.dictionary_encode() if dictionary else ids)
    derived = DerivedColumns(["listing_age_days"], listings_created(*created))
    assert derived.add_to(rows).column("listing_age_days").to_pylist() == [3, 2, 0, None, None, None, None, None]


def test_every_column_of_the_table_declares_its_inputs():
    assert list(derived_columns(DERIVED)) == list(DERIVED)
    assert list(computable_types(["created_at"], [])) == ["hour", "weekday"]
    assert list(computable_types(["created_at"], ["created_at"])) == list(DERIVED)
