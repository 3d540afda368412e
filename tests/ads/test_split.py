"""The days for training, validation and testing, also if some days have no rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ads.split import split_days
from etsyml_cli.core.errors import DataError

DAYS = st.sets(st.integers(0, 40), min_size=3).map(sorted)


@given(DAYS, st.sampled_from([None, 0.0, 0.2]), st.none() | st.integers(2, 50))
def test_training_ends_where_the_last_day_that_has_rows_begins_to_validate(days, share, train_days):
    split = split_days(np.array(days), share, train_days)
    assert split.last == days[-1]
    assert (split.test_from is None) == (share == 0)
    assert split.first < split.valid_from < split.test_begins <= split.last + 1
    assert train_days is None or split.test_begins - split.first <= train_days
    learned = [day for day in days if split.first <= day < split.test_begins]
    assert len(learned) < 2 or split.valid_from == learned[-1]


@pytest.mark.parametrize(
    ("days", "share", "train_days", "valid_from", "test_begins"),
    [
        ([1, 2, 3, 4], None, None, 3, 4),
        ([1, 2, 9], None, None, 2, 9),  # days without rows validate nothing
        ([1, 2, 3, 9, 10], 0.4, None, 3, 7),
        ([1, 2, 3, 9], None, 7, 3, 9),
        ([1, 9], None, None, 8, 9),  # but one day must be left to train on
        ([1, 2, 9], 0.0, None, 9, 10),
        ([5], 0.0, None, 6, 6),
    ],
)
def test_days_without_rows(days, share, train_days, valid_from, test_begins):
    split = split_days(np.array(days), share, train_days)
    assert (split.valid_from, split.test_begins) == (valid_from, test_begins)


def test_too_few_days_for_all_three():
    with pytest.raises(DataError, match="spans 2 days"):
        split_days(np.array([3, 4]), None)
