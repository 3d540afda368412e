"""Changes of a metric per query from one ranker to another, on the test pages."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.report.plots import Plot, Series
from etsyml_cli.search.evaluate import PageFigures

MAX_QUERIES = 8  # with the largest gains, and with the largest losses
BINS = 10


class QueryChange(msgspec.Struct, kw_only=True):
    """The mean of a metric over the test pages of one query, for the ranker before and the ranker after."""

    query: str
    pages: int
    before: float
    after: float

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def weight(self) -> float:
        """The change of the sum over all pages."""
        return self.change * self.pages


class Changes(msgspec.Struct, kw_only=True):
    """The queries that changed the mean over the pages most, and the distribution of the metric over all queries."""

    metric: str
    before: str
    after: str
    queries: int
    gained: list[QueryChange]
    lost: list[QueryChange]
    distribution: Plot


@dataclass(frozen=True)
class Comparison:
    """Two rankers on every query, in decreasing order of the change of the mean over all pages."""

    metric: str
    before: str
    after: str
    changes: list[QueryChange]

    def summary(self) -> Changes:
        """The part of the comparison that the page shows."""
        return Changes(
            metric=self.metric,
            before=self.before,
            after=self.after,
            queries=len(self.changes),
            gained=[one for one in self.changes if one.change > 0][:MAX_QUERIES],
            lost=[one for one in self.changes if one.change < 0][:MAX_QUERIES],
            distribution=_distribution(self),
        )


def compare(pages: PageFigures, metric: str, before: str, after: str) -> Comparison:
    """Compare two rankers by the values of `metric` on the pages of each query."""
    queries = sorted(set(pages.queries))
    number_of = {query: number for number, query in enumerate(queries)}
    of_page = np.array([number_of[query] for query in pages.queries])
    n_pages = np.bincount(of_page)

    def means(values: F64) -> list[float]:
        return list((np.bincount(of_page, values) / n_pages).tolist())

    rows = zip(queries, n_pages.tolist(), means(pages.values[before]), means(pages.values[after]), strict=True)
    changes = [QueryChange(query=query, pages=n, before=first, after=second) for query, n, first, second in rows]
    return Comparison(metric, before, after, sorted(changes, key=lambda one: -abs(one.weight)))


def _distribution(comparison: Comparison) -> Plot:
    """Histogram of the metric over all queries, with BINS bins."""
    edges = np.linspace(0, 1, BINS + 1)
    names = [f"{low:.1f}–{high:.1f}" for low, high in pairwise(edges)]
    values = {
        comparison.before: [one.before for one in comparison.changes],
        comparison.after: [one.after for one in comparison.changes],
    }
    return Plot(
        name="search-queries",
        title=f"Distribution of {comparison.metric} over {len(comparison.changes):,} queries",
        x=comparison.metric,
        y="queries",
        kind="bars",
        series=[
            Series(name=variant, x=names, y=np.histogram(of_query, edges)[0].astype(float).tolist())
            for variant, of_query in values.items()
        ],
    )
