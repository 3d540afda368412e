from __future__ import annotations

import shutil

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import ERR

from etsyml_cli.core.errors import DataError
from tests.metrics.pages import flatten, one_page, orders, pages, values


@settings(deadline=None)
@given(pages, orders, st.integers(1, 12))
def test_equal_to_the_algorithm_of_the_paper(pages, order, k):
    """Chapelle et al. 2009, algorithm 2, page by page."""
    _, ranked = flatten(pages, order)
    expected = []
    for page in range(len(pages)):
        p, err = 1.0, 0.0
        for r, g in enumerate(ranked.gains[ranked.page == page][:k], 1):
            satisfied = (2**g - 1) / 2**4
            err += p * satisfied / r
            p *= 1 - satisfied
        expected.append(err)
    np.testing.assert_allclose(values(f"err@{k}", ranked), expected, rtol=0, atol=1e-12)


@pytest.mark.skipif(shutil.which("perl") is None, reason="gdeval is a Perl script")
def test_equal_to_gdeval():
    """The ERR of ir-measures, which prints five decimals."""
    rng = np.random.default_rng(0)
    gains = rng.integers(0, 5, (6, 12))
    qrels = [ir_measures.Qrel(str(q), f"d{i:02}", int(g)) for q, page in enumerate(gains) for i, g in enumerate(page)]
    run = [ir_measures.ScoredDoc(str(q), f"d{i:02}", float(-i)) for q, page in enumerate(gains) for i in range(12)]
    theirs = {m.query_id: m.value for m in ir_measures.iter_calc([ERR @ 5], qrels, run)}
    for q, page in enumerate(gains):
        assert values("err@5", one_page(*page))[0] == pytest.approx(theirs[str(q)], abs=1e-5)


def test_by_hand():
    assert values("err@2", one_page(4, 4))[0] == pytest.approx(15 / 16 + 1 / 16 * 15 / 16 / 2)
    assert values("err@1", one_page(0, 4))[0] == 0


def test_a_grade_above_the_highest_is_refused():
    with pytest.raises(DataError, match="the grade 5 is above 4"):
        values("err@10", one_page(5, 0))
