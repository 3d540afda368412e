"""Random pages for the tests of ranking metrics, with ties and gaps below float32."""

from __future__ import annotations

import numpy as np
import pytrec_eval
from hypothesis import strategies as st

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.metrics.ranking import RankedPages, byte_order, rank_pages
from etsyml_cli.metrics.shapes import PageMetric

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


def one_page(*gains: float) -> RankedPages:
    """A page that ranks these gains in this order."""
    return rank_pages(
        -np.arange(len(gains), dtype=float), np.array(gains), np.array([0, len(gains)]), np.arange(len(gains))
    )


def values(name: str, ranked: RankedPages) -> F64:
    """The metric of this name on each page."""
    metric = parse_metric(name)
    return metric.shape(PageMetric).values(ranked, metric)
