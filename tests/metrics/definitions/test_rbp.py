from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.pages import flatten, one_page, orders, pages, values


@given(pages, orders, st.floats(0.01, 0.99), st.integers(1, 12))
def test_equal_to_the_formula_of_the_paper(pages, order, p, k):
    """Moffat & Zobel 2008, equation 9, on the ranking of each page."""
    _, ranked = flatten(pages, order)
    for name, depth in ((f"rbp(p={p})", 12), (f"rbp(p={p})@{k}", k)):
        expected = np.zeros(len(pages))
        for page, rank, gain in zip(ranked.page, ranked.rank, ranked.gains, strict=True):
            if gain > 0 and rank <= depth:
                expected[page] += (1 - p) * p ** (rank - 1)
        np.testing.assert_allclose(values(name, ranked), expected, rtol=0, atol=1e-12)


def test_by_hand():
    ranked = one_page(1, 0, 3)
    assert values("rbp(p=0.5)", ranked)[0] == pytest.approx(0.5 * (1 + 0.25))
    assert values("rbp(p=0.5)@2", ranked)[0] == pytest.approx(0.5)
    assert values("rbp", ranked)[0] == values("rbp(p=0.8)", ranked)[0] == pytest.approx(0.2 * (1 + 0.64))


def test_a_listing_that_the_ranking_lacks_does_not_count():
    ranked = flatten([[(1.0, 0), (-np.inf, 1)]], range(12))[1]
    assert values("rbp", ranked)[0] == 0
