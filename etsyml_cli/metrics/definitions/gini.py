"""Gini coefficient: how unequally lists of recommendations treat listings."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import I64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import ListingMetric


def gini(times: I64) -> float:
    """Gini coefficient of `times`, (I,), the number of lists that contain each listing.

    It is 0 if all are equal, and 1 - 1/I if one listing fills all lists. Sum over pairs of |x_i - x_j| / (2 I^2 mean
    x), computed by ranks (Damgaard & Weiner, Ecology 2000).
    """
    n = len(times)
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ np.sort(times) / (n * times.sum()))


GINI = Metric(
    name="gini",
    definition="Gini coefficient of the number of top-k lists that contain each listing: 0 if all listings appear "
    "equally often, near 1 if a few fill all lists",
    source="Damgaard & Weiner, Ecology 2000",
    better="lower",
    cutoff="required",
    shapes=(ListingMetric(gini),),
)
