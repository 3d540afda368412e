"""nDCG: normalized discounted cumulative gain (Järvelin & Kekäläinen, 2002)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64, I64, Bools
from etsyml_cli.metrics.metric import Choice, Metric
from etsyml_cli.metrics.ranking import RankedPages, ratio
from etsyml_cli.metrics.shapes import HitMetric, PageMetric

LARGEST_EXPONENT = 1000  # of 2^grade: sums of larger powers are infinite


def ndcg(pages: RankedPages, k: int | None = None, *, gains: Literal["linear", "exp"] = "linear") -> F64:
    """DCG@k = Σ gain / log2(rank + 1), divided by its value in the best order; shape (Q,).

    The gain is the grade itself, as in trec_eval, or, if `gains` is "exp", 2^grade − 1 (Burges et al. 2005).
    """
    gain = _exponential(pages.gains) if gains == "exp" else pages.gains
    discounts = 1 / np.log2(pages.rank + 1.0)
    ideal = gain[np.lexsort((-gain, pages.page))]
    return ratio(
        pages.sums(gain * discounts * pages.within(k)),
        pages.sums(ideal * discounts * pages.places(k)),
    )


def ndcg_of_hits(hits: Bools, held: I64) -> F64:
    """Binary nDCG: Σ 1 / log2(rank + 1) over the hits, divided by the same sum for an ideal list; shape (U,)."""
    discount = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(held, hits.shape[1]) - 1]
    values: F64 = hits @ discount / ideal
    return values


def _exponential(grades: F64) -> F64:
    """2^grade − 1. Raises DataError if a grade is too large."""
    if grades.max(initial=0) > LARGEST_EXPONENT:
        raise DataError(
            f"2^grade is too large for the grade {grades.max():g}", hint="Use linear gains: ndcg@10, for example."
        )
    return np.exp2(grades) - 1


NDCG = Metric(
    name="ndcg",
    definition="gain of the top k, discounted by log2(1 + rank), divided by the best possible value; the gain of a "
    "listing is 0 to 3 for impression, click, cart, purchase "
    "or 1 for a held-out favorite; with `gains=exp` it is 2^gain − 1",
    source="Järvelin & Kekäläinen, 2002",
    better="higher",
    cutoff="required",
    parameters=(Choice("gains", ("linear", "exp")),),
    # hits have the gain 1, which is also 2^1 − 1
    shapes=(PageMetric(ndcg), HitMetric(lambda hits, held, **_: ndcg_of_hits(hits, held))),
)
