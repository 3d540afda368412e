"""Curves of predicted probabilities: ROC, precision and recall, predicted and observed rates.

N rows; row i has `impressions[i]` impressions, `clicks[i]` clicks and one predicted probability `p[i]`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import F64

Z = 1.959964  # of a 95% interval


class Curves(NamedTuple):
    """At T thresholds from the highest to the lowest p, (T,) each; the first one selects no rows, with precision 1."""

    false_positives: F64  # share of non-clicks at or above the threshold
    recall: F64  # share of clicks at or above the threshold
    precision: F64  # share of clicks among the impressions at or above the threshold


class Groups(NamedTuple):
    """Groups of rows, (G,) each: mean predicted and observed click rate, with the observed one's 95% interval."""

    predicted: F64
    observed: F64
    low: F64
    high: F64


def curves(p: F64, clicks: F64, impressions: F64, most: int = 200) -> Curves:
    """ROC and precision-recall at every distinct p, or at about `most` of them, evenly along the ROC curve."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.diff(p[order], append=-np.inf))  # rows with equal p have the same threshold
    hits = np.cumsum(clicks[order])[ends]
    shown = np.cumsum(impressions[order])[ends]
    recall, false_positives = hits / hits[-1], (shown - hits) / (shown[-1] - hits[-1])
    _, kept = np.unique(np.floor((recall + false_positives) / 2 * most), return_index=True)
    kept = np.union1d(kept, [len(ends) - 1])
    return Curves(
        np.append(0.0, false_positives[kept]), np.append(0.0, recall[kept]), np.append(1.0, (hits / shown)[kept])
    )


def equal_groups(values: F64, n: int) -> NDArray[np.intp]:
    """The group of each of N rows, (N,): at most `n` groups, ascending, as equal as equal values allow."""
    edges = np.unique(np.sort(values)[len(values) * np.arange(1, n) // n])
    groups = np.searchsorted(edges, values, side="right")
    return np.unique(groups, return_inverse=True)[1]


def rates_of(groups: NDArray[np.intp], p: F64, clicks: F64, impressions: F64) -> Groups:
    """Predicted and observed rate of each group, the interval by Wilson (JASA 1927)."""
    shown = np.bincount(groups, impressions)
    observed = np.bincount(groups, clicks) / shown
    centre = (observed + Z**2 / (2 * shown)) / (1 + Z**2 / shown)
    half = Z / (1 + Z**2 / shown) * np.sqrt(observed * (1 - observed) / shown + Z**2 / (4 * shown**2))
    return Groups(np.bincount(groups, p * impressions) / shown, observed, centre - half, centre + half)
