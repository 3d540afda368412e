"""The ranking metrics equal trec_eval's, ties and gaps below float32 included."""

from __future__ import annotations

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.metrics.ranking import (
    PER_PAGE,
    average_precision,
    best_first,
    byte_order,
    ndcg,
    precision,
    rank_pages,
    reciprocal_rank,
)

IDS = ["L1", "L10", "L2", "l2", "é", "日本", "a_b", "Z", "z", "𝄞", "\uffff", "L-1"]
NEAR = [0.0, -0.0, 0.1, 0.1 + 1e-9, 0.1 + 1e-8, 1.0, 1.0 + 1e-7, 1.0 + 6e-8, -3.5, 1e30]  # some are one float32

pages = st.lists(
    st.lists(
        st.tuples(st.sampled_from(NEAR) | st.floats(-1e6, 1e6), st.integers(0, 3)),
        min_size=1,
        max_size=len(IDS),
    ),
    min_size=1,
    max_size=6,
)
orders = st.permutations(range(len(IDS)))


def flatten(pages, order):
    ids = [[IDS[i] for i in order[: len(page)]] for page in pages]
    place_of = dict(zip(IDS, byte_order(IDS).tolist(), strict=True))
    scores = np.array([score for page in pages for score, _ in page])
    gains = np.array([float(gain) for page in pages for _, gain in page])
    offsets = np.cumsum([0, *map(len, pages)])
    id_order = np.array([place_of[name] for page in ids for name in page])
    return ids, rank_pages(scores, gains, offsets, id_order)


def trec_eval(pages, ids, measures, gain=lambda grade: grade):
    qrels = {
        str(q): {name: gain(grade) for name, (_, grade) in zip(ids[q], page, strict=True)}
        for q, page in enumerate(pages)
    }
    run = {str(q): {name: score for name, (score, _) in zip(ids[q], page, strict=True)} for q, page in enumerate(pages)}
    found = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    return [found[str(q)] for q in range(len(pages))]


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
    for name, values in ours.items():
        np.testing.assert_allclose(values, [page[name] for page in expected], rtol=0, atol=1e-12, err_msg=name)


@settings(max_examples=100, deadline=None)
@given(pages, orders)
def test_exponential_gain_is_linear_gain_of_exponential_grades(pages, order):
    ids, ranked = flatten(pages, order)
    expected = trec_eval(pages, ids, {"ndcg_cut.5"}, gain=lambda grade: 2**grade - 1)
    values = PER_PAGE["ndcg"](ranked, parse_metric("ndcg(gains=exp)@5"))
    np.testing.assert_allclose(values, [page["ndcg_cut_5"] for page in expected], rtol=0, atol=1e-12)


def test_a_worked_example():
    """Gains 3 2 3 0 1 2: the DCG and ideal of Wikipedia's article on discounted cumulative gain."""
    gains = np.array([3.0, 2, 3, 0, 1, 2])
    ranked = rank_pages(np.arange(6.0)[::-1], gains, np.array([0, 6]), np.arange(6))
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate([3, 3, 2, 2, 1, 0], 1))
    assert ndcg(ranked)[0] == pytest.approx(6.861 / ideal, abs=1e-4)
    assert reciprocal_rank(ranked)[0] == 1
    assert average_precision(ranked)[0] == pytest.approx((1 + 1 + 1 + 4 / 5 + 5 / 6) / 5)


def test_ties_go_to_the_greater_id_by_bytes():
    ids = ["a", "b", "Z", "ä"]
    order = best_first(np.zeros(4), byte_order(ids))
    assert [ids[i] for i in order] == sorted(ids, key=str.encode, reverse=True) == ["ä", "b", "a", "Z"]


@given(st.lists(st.text(), unique=True))
def test_byte_order_is_that_of_utf8(ids):
    ids = [name for name in ids if not any("\ud800" <= letter <= "\udfff" for letter in name)]
    order = byte_order(ids)
    assert sorted(ids, key=str.encode) == [ids[i] for i in np.argsort(order)]


def test_the_reciprocal_rank_has_a_cutoff():
    ranked = rank_pages(np.array([3.0, 2, 1]), np.array([0.0, 0, 1]), np.array([0, 3]), np.arange(3))
    assert reciprocal_rank(ranked)[0] == pytest.approx(1 / 3)
    assert reciprocal_rank(ranked, 2)[0] == 0


def test_a_page_without_relevant_or_without_any_listing_is_told_apart():
    ranked = rank_pages(np.array([1.0, 2, 3]), np.array([0.0, 1, 0]), np.array([0, 2, 2, 3]), np.arange(3))
    assert ranked.has_relevant().tolist() == [True, False, False]
    for metric in ("ndcg@2", "map", "mrr", "p@2"):
        name = parse_metric(metric)
        assert PER_PAGE[name.name](ranked, name)[1:].tolist() == [0, 0]


def pair_accuracy_of_every_pair(page):
    scores = np.float32([score for score, _ in page])
    gains = [gain for _, gain in page]
    pairs = [(i, j) for i in range(len(page)) for j in range(len(page)) if gains[i] > gains[j]]
    right = [1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0 for i, j in pairs]
    return np.mean(right) if pairs else math.nan


@settings(max_examples=200, deadline=None)
@given(pages, orders)
def test_pair_accuracy_is_that_of_every_pair(pages, order):
    _, ranked = flatten(pages, order)
    expected = [pair_accuracy_of_every_pair(page) for page in pages]
    np.testing.assert_allclose(PER_PAGE["pair_accuracy"](ranked, parse_metric("pair_accuracy")), expected, atol=1e-12)
