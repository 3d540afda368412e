"""Novelty of lists of recommendations (Vargas & Castells, 2011)."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.types import F64, I64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.recommendation import RecommendedLists, mean_of_places
from etsyml_cli.metrics.shapes import UserMetric


def novelty(lists: RecommendedLists) -> F64:
    """Mean surprise of each list, in bits, shape (U,)."""
    return mean_of_places(surprise(lists.favorites, lists.n_users)[lists.top], lists.top)


def surprise(favorites: I64, n_users: int) -> F64:
    """-log2 of the share of n_users who favorited each of I listings (Vargas & Castells, RecSys'11).

    A listing without `favorites`, (I,), counts as favorited by one user: the log of 0 would outweigh all others.
    """
    bits: F64 = -np.log2(np.maximum(favorites, 1) / n_users)
    return bits


NOVELTY = Metric(
    name="novelty",
    definition="mean over the top k of −log2 of the share of users who favorited the listing in training; listings "
    "without training favorites count as favorited by one user",
    source="Vargas & Castells, RecSys'11",
    better="higher",
    cutoff="required",
    shapes=(UserMetric(novelty),),
)
