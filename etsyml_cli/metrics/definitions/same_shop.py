"""Share of recommendations from shops that the user already knows."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.types import F64, I32, Bools
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.recommendation import Csr, RecommendedLists, hits_of, mean_of_places
from etsyml_cli.metrics.shapes import UserMetric


def same_shop(lists: RecommendedLists) -> F64:
    """Share of each list from shops of the user's training favorites, shape (U,). Raises UsageError without shops."""
    if lists.shop_of is None:
        raise UsageError("same_shop needs the listings table", hint="Name it with --listings.")
    return mean_of_places(of_shops(lists.top, lists.shop_of, lists.train), lists.top)


def of_shops(top: I32, shop_of: I32, train: Csr) -> Bools:
    """Which of `top`, (U, k), are from a shop, shop_of (I,), of one of the user's `train` favorites; shape (U, k)."""
    indptr, indices = train
    return hits_of(np.where(top >= 0, shop_of[top], -1), indptr, shop_of[indices])


SAME_SHOP = Metric(
    name="same_shop",
    definition="share of the top k from shops of the user's training favorites; needs the listings table; listings "
    "without a shop never count",
    better="lower",
    cutoff="required",
    shapes=(UserMetric(same_shop, needs=("listings",)),),
)
