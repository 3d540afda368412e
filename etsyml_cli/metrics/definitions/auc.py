"""AUC: area under the ROC curve (Mann & Whitney, 1947)."""

from __future__ import annotations

import numpy as np
from numba import njit

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import RowMetric, Weighted


def auc(p: F64, clicks: F64, impressions: F64) -> Weighted:
    """Probability that a click has a higher score than a non-click, ties counting half (Mann & Whitney, 1947)."""
    order = np.argsort(p, kind="stable")
    sorted_p, clicked, ignored = p[order], clicks[order], (impressions - clicks)[order]
    return lambda weights: float(_auc(order, sorted_p, clicked, ignored, weights))


@njit(cache=True, nogil=True)
def _auc(order, p, clicked, ignored, weights):  # type: ignore[no-untyped-def]
    """Mann–Whitney's U with ties, p ascending: each click beats non-clicks below it and half of those tied."""
    beaten = below = all_clicked = 0.0
    i = 0
    while i < len(p):
        tie = p[i]
        tied_clicked = tied_ignored = 0.0
        while i < len(p) and p[i] == tie:
            tied_clicked += weights[order[i]] * clicked[i]
            tied_ignored += weights[order[i]] * ignored[i]
            i += 1
        beaten += tied_clicked * (below + tied_ignored / 2)
        below += tied_ignored
        all_clicked += tied_clicked
    return beaten / (all_clicked * below) if all_clicked * below > 0 else np.nan


AUC = Metric(
    name="auc",
    definition="probability that a clicked impression has a higher score than one without a click; ties count half",
    source="Mann & Whitney, 1947",
    better="higher",
    cutoff="none",
    shapes=(RowMetric(auc, title="AUC", difference="percent"),),
)
