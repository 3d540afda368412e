"""Days since 1970-01-01, UTC."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.days import MICROSECONDS_PER_DAY, days_of, iso_date


def test_a_day_begins_at_midnight_also_before_1970():
    times = np.array([-MICROSECONDS_PER_DAY, -1, 0, MICROSECONDS_PER_DAY - 1, MICROSECONDS_PER_DAY])
    assert days_of(times).tolist() == [-1, -1, 0, 0, 1]


def test_dates():
    assert [iso_date(day) for day in (-1, 0, 17_313)] == ["1969-12-31", "1970-01-01", "2017-05-27"]
