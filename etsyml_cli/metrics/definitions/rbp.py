"""RBP: rank-biased precision (Moffat & Zobel, 2008)."""

from __future__ import annotations

from etsyml_cli.core.types import F64
from etsyml_cli.metrics.metric import Metric, Number
from etsyml_cli.metrics.ranking import RankedPages
from etsyml_cli.metrics.shapes import PageMetric


def rbp(pages: RankedPages, k: int | None = None, *, p: float) -> F64:
    """(1 − p) Σ p^(rank − 1) over the relevant listings, 0 < p < 1; shape (Q,).

    A user looks at the first listing and continues from each listing to the next with probability p.
    """
    relevant = (pages.gains > 0) & pages.within(k)
    return (1 - p) * pages.sums(relevant * p ** (pages.rank - 1.0))


RBP = Metric(
    name="rbp",
    definition="share of relevant listings among those seen by a user who continues from each listing to the next "
    "with probability p",
    source="Moffat & Zobel, TOIS 2008",
    better="higher",
    cutoff="optional",
    parameters=(Number("p", default=0.8, above=0, below=1),),
    shapes=(PageMetric(rbp),),
)
