"""Metrics of the hits of each user's list: recall, hit rate, nDCG and MAP equal those of trec_eval."""

from __future__ import annotations

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from ir_measures import AP, R, Success, nDCG

from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.metrics.recommendation import hits_of
from etsyml_cli.metrics.shapes import HitMetric
from tests.metrics.lists import Case, arrays, cases


def per_user(name: str, hits: np.ndarray, held: np.ndarray) -> np.ndarray:
    metric = parse_metric(name)
    return metric.shape(HitMetric).function(hits, held, **metric.arguments)


@given(cases())
def test_figures_per_user_are_those_of_trec_eval(case: Case) -> None:
    top, indptr, indices = arrays(case)
    k = top.shape[1]
    hits, held = hits_of(top, indptr, indices), np.diff(indptr)
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, of_user in enumerate(case[1]) for i in of_user]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(-rank))
        for u, shown in enumerate(case[0])
        for rank, i in enumerate(shown)
        if i >= 0
    ]
    peers = {"recall": R @ k, "hit": Success @ k, "ndcg": nDCG @ k, "map": AP @ k}
    for name, measure in peers.items():
        expected = {m.query_id: m.value for m in ir_measures.iter_calc([measure], qrels, run)}
        found = per_user(f"{name}@{k}", hits, held)
        for user in range(len(top)):
            assert found[user] == pytest.approx(expected.get(str(user), 0.0), abs=1e-12), name


def test_figures_per_user_by_hand() -> None:
    hits = hits_of(np.array([[4, 2, 9]], np.int32), np.array([0, 3]), np.array([2, 5, 9], np.int32))
    assert hits.tolist() == [[False, True, True]]
    held = np.array([3])
    assert per_user("recall@3", hits, held)[0] == pytest.approx(2 / 3)
    assert per_user("hit@3", hits, held)[0] == 1
    assert per_user("map@3", hits, held)[0] == pytest.approx((1 / 2 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert per_user("ndcg@3", hits, held)[0] == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal)


def test_exponential_gains_of_hits_are_linear_gains() -> None:
    hits, held = np.array([[True, False, True]]), np.array([4])
    assert per_user("ndcg(gains=exp)@3", hits, held) == per_user("ndcg@3", hits, held)
