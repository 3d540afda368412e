"""ERR: expected reciprocal rank (Chapelle et al., 2009)."""

from __future__ import annotations

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64, I64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.ranking import RankedPages
from etsyml_cli.metrics.shapes import PageMetric

HIGHEST_GRADE = 4  # as in gdeval and the LETOR collections


def err(pages: RankedPages, k: int) -> F64:
    """Σ over ranks r ≤ k of R_r / r · Π (1 − R_i) over i < r, with R = (2^grade − 1) / 2^HIGHEST_GRADE; shape (Q,).

    R is the probability that a listing satisfies the user, who then stops. Raises DataError if a grade is too high.
    """
    satisfies = np.where(pages.within(k), _satisfaction(pages.gains), 0.0)
    value, continues = np.zeros(pages.n_pages), np.ones(pages.n_pages)
    for rows in _by_rank(pages):
        page = pages.page[rows]
        value[page] += continues[page] * satisfies[rows] / pages.rank[rows]
        continues[page] *= 1 - satisfies[rows]
    return value


def _satisfaction(grades: F64) -> F64:
    if grades.max(initial=0) > HIGHEST_GRADE:
        raise DataError(
            f"err: the grade {grades.max():g} is above {HIGHEST_GRADE}", hint="Use ndcg@10, which has no highest grade."
        )
    satisfaction: F64 = (np.exp2(grades) - 1) / 2**HIGHEST_GRADE
    return satisfaction


def _by_rank(pages: RankedPages) -> list[I64]:
    """The rows with rank 1, those with rank 2, and so on; at most one of each page."""
    order = np.argsort(pages.rank, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(pages.rank[order])) + 1)


ERR = Metric(
    name="err",
    definition="expected reciprocal rank at which the user is satisfied; a listing of gain g satisfies with "
    f"probability (2^g − 1) / 2^{HIGHEST_GRADE}; gains above {HIGHEST_GRADE} are an error",
    source="Chapelle et al., CIKM 2009",
    better="higher",
    cutoff="required",
    shapes=(PageMetric(err),),
)
