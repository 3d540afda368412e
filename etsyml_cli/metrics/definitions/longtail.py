"""Long-tail share of lists of recommendations."""

from __future__ import annotations

import math

import numpy as np

from etsyml_cli.core.types import F64, I64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.recommendation import RecommendedLists, mean_of_places
from etsyml_cli.metrics.shapes import UserMetric

HEAD_SHARE = 0.01  # of the listings: those with the most favorites are not in the long tail


def longtail(lists: RecommendedLists) -> F64:
    """Share of each list that is in the long tail, shape (U,)."""
    return mean_of_places(in_long_tail(lists.favorites)[lists.top], lists.top)


def in_long_tail(favorites: I64) -> F64:
    """1 for each of I listings except the HEAD_SHARE with the most `favorites`, (I,); ties by index as in lists."""
    head = np.argsort(favorites, kind="stable")[-math.ceil(HEAD_SHARE * len(favorites)) :]
    tail = np.ones(len(favorites))
    tail[head] = 0
    return tail


LONGTAIL = Metric(
    name="longtail",
    definition="share of the top k outside the 1% of listings with the most training favorites",
    better="higher",
    cutoff="required",
    shapes=(UserMetric(longtail),),
)
