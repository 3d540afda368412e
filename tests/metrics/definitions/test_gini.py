from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.metrics.definitions.gini import gini


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20).filter(any))
def test_gini_is_half_the_mean_difference_over_the_mean(times: list[int]) -> None:
    differences = [abs(x - y) for x in times for y in times]
    expected = sum(differences) / len(times) ** 2 / (2 * sum(times) / len(times))
    assert gini(np.array(times)) == pytest.approx(expected, abs=1e-12)


def test_gini_by_hand() -> None:
    assert gini(np.array([3, 3, 3, 3])) == 0
    assert gini(np.array([0, 7, 0, 0])) == pytest.approx(3 / 4)
    assert gini(np.array([1, 0, 3, 0])) == pytest.approx(5 / 8)
