"""nDCG, MAP, MRR and P@k equal those of trec_eval, with ties and gaps below float32."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from etsyml_cli.metrics.definitions.map import average_precision
from etsyml_cli.metrics.definitions.mrr import reciprocal_rank
from etsyml_cli.metrics.definitions.ndcg import ndcg
from etsyml_cli.metrics.definitions.p import precision
from etsyml_cli.metrics.ranking import rank_pages
from tests.metrics.pages import flatten, orders, pages, trec_eval, values


@settings(max_examples=300, deadline=None)
@given(pages, orders)
def test_equal_to_trec_eval(pages, order):
    ids, ranked = flatten(pages, order)
    expected = trec_eval(pages, ids, {"ndcg", "ndcg_cut.1,3,10", "map", "map_cut.3", "recip_rank", "P.1,5,20"})
    ours = {
        "ndcg": ndcg(ranked),
        "ndcg_cut_1": ndcg(ranked, 1),
        "ndcg_cut_3": ndcg(ranked, 3),
        "ndcg_cut_10": ndcg(ranked, 10),
        "map": average_precision(ranked),
        "map_cut_3": average_precision(ranked, 3),
        "recip_rank": reciprocal_rank(ranked),
        "P_1": precision(ranked, 1),
        "P_5": precision(ranked, 5),
        "P_20": precision(ranked, 20),
    }
    for name, found in ours.items():
        np.testing.assert_allclose(found, [page[name] for page in expected], rtol=0, atol=1e-12, err_msg=name)


@settings(max_examples=100, deadline=None)
@given(pages, orders)
def test_exponential_gain_is_linear_gain_of_exponential_grades(pages, order):
    ids, ranked = flatten(pages, order)
    expected = trec_eval(pages, ids, {"ndcg_cut.5"}, gain=lambda grade: 2**grade - 1)
    found = values("ndcg(gains=exp)@5", ranked)
    np.testing.assert_allclose(found, [page["ndcg_cut_5"] for page in expected], rtol=0, atol=1e-12)


def test_a_worked_example():
    """Gains 3 2 3 0 1 2: the DCG and ideal of Wikipedia's article on discounted cumulative gain."""
    gains = np.array([3.0, 2, 3, 0, 1, 2])
    ranked = rank_pages(np.arange(6.0)[::-1], gains, np.array([0, 6]), np.arange(6))
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate([3, 3, 2, 2, 1, 0], 1))
    assert ndcg(ranked)[0] == pytest.approx(6.861 / ideal, abs=1e-4)
    assert reciprocal_rank(ranked)[0] == 1
    assert average_precision(ranked)[0] == pytest.approx((1 + 1 + 1 + 4 / 5 + 5 / 6) / 5)


def test_the_reciprocal_rank_has_a_cutoff():
    ranked = rank_pages(np.array([3.0, 2, 1]), np.array([0.0, 0, 1]), np.array([0, 3]), np.arange(3))
    assert reciprocal_rank(ranked)[0] == pytest.approx(1 / 3)
    assert reciprocal_rank(ranked, 2)[0] == 0


@pytest.mark.parametrize("metric", ["ndcg@2", "map", "mrr", "p@2", "rbp", "err@2"])
def test_a_page_without_relevant_listings_has_the_value_0(metric):
    ranked = rank_pages(np.array([1.0, 2, 3]), np.array([0.0, 1, 0]), np.array([0, 2, 2, 3]), np.arange(3))
    found = values(metric, ranked)
    assert found[0] > 0
    assert found[1:].tolist() == [0, 0]
