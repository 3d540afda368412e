from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.days import days_of
from etsyml_cli.core.errors import DataError
from etsyml_cli.splits.days import NO_PART, TEST, TRAIN, VALID, last_days


@given(st.lists(st.integers(16_000, 16_100), min_size=1), st.integers(1, 5), st.integers(1, 5))
def test_training_days_precede_validation_days_precede_test_days(
    days: list[int], test_days: int, valid_days: int
) -> None:
    logged = np.array(days, dtype=np.int64)
    try:
        split = last_days(logged, test_days=test_days, valid_days=valid_days)
    except DataError:
        assert max(days) - min(days) + 1 <= test_days + valid_days
        return
    part = split.part_of(logged)
    latest = {p: logged[part == p].max(initial=0) for p in (TRAIN, VALID)}
    assert latest[TRAIN] < logged[part == VALID].min(initial=99_999)
    assert max(latest.values()) < logged[part == TEST].min(initial=99_999)
    assert set(logged[part == TEST]) == {day for day in days if day > max(days) - test_days}


def test_days_are_utc_calendar_days() -> None:
    micros = np.array(["2014-05-01T00:00:00", "2014-05-01T23:59:59.999999"], "datetime64[us]").astype(np.int64)
    assert len(set(days_of(micros))) == 1
    assert len(set(days_of(np.append(micros, micros[1] + 1)))) == 2


def test_a_split_without_test_days_has_no_test_set() -> None:
    split = last_days(np.arange(16_000, 16_030), test_days=0, valid_days=3)
    assert split.test_from is None
    assert split.test_begins == 16_030
    assert not (split.part_of(np.arange(16_000, 16_040)) == TEST).any()


@pytest.mark.parametrize("test_days", [0, 5])
def test_days_after_the_split_are_in_no_set(test_days: int) -> None:
    split = last_days(np.arange(16_000, 16_030), test_days=test_days, valid_days=3)
    part = split.part_of(np.arange(16_000, 16_040)).tolist()
    trained = 27 - test_days
    assert part == [TRAIN] * trained + [VALID] * 3 + [TEST] * test_days + [NO_PART] * 10
    assert split.test_begins == 16_030 - test_days


def test_a_log_that_is_too_short_is_a_data_error() -> None:
    with pytest.raises(DataError, match="spans 2 days"):
        last_days(np.array([16_000, 16_001]), test_days=1, valid_days=1)
