"""What a ranker changes for single queries, by a metric of the test pages."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from etsyml_cli.core.types import F64
from etsyml_cli.report.plots import Plot, Series
from etsyml_cli.search.evaluate import PageFigures

SHOWN = 8  # queries that gained, and that lost
BINS = 10


class QueryChange(msgspec.Struct, kw_only=True):
    """The means of a metric over the test pages of one query, by the ranker before and the one after."""

    query: str
    pages: int
    before: float
    after: float

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def weight(self) -> float:
        """What it adds to the sum over all pages."""
        return self.change * self.pages


class Changes(msgspec.Struct, kw_only=True):
    """The queries that moved the mean over the pages most, up and down, and how the metric spreads over all queries."""

    metric: str
    before: str
    after: str
    queries: int
    gained: list[QueryChange]
    lost: list[QueryChange]
    distribution: Plot


@dataclass(frozen=True)
class Compared:
    """Two rankers on every query; those that moved the mean over the pages most come first."""

    metric: str
    before: str
    after: str
    changes: list[QueryChange]

    def told(self) -> Changes:
        """What the page says of it."""
        return Changes(
            metric=self.metric,
            before=self.before,
            after=self.after,
            queries=len(self.changes),
            gained=[one for one in self.changes if one.change > 0][:SHOWN],
            lost=[one for one in self.changes if one.change < 0][:SHOWN],
            distribution=_distribution(self),
        )


def compare(pages: PageFigures, metric: str, before: str, after: str) -> Compared:
    """The values of `metric` on single pages, gathered by query."""
    queries = sorted(set(pages.queries))
    number_of = {query: number for number, query in enumerate(queries)}
    of_page = np.array([number_of[query] for query in pages.queries])
    n_pages = np.bincount(of_page)

    def means(values: F64) -> list[float]:
        return list((np.bincount(of_page, values) / n_pages).tolist())

    rows = zip(queries, n_pages.tolist(), means(pages.values[before]), means(pages.values[after]), strict=True)
    changes = [QueryChange(query=query, pages=n, before=first, after=then) for query, n, first, then in rows]
    return Compared(metric, before, after, sorted(changes, key=lambda one: -abs(one.weight)))


def _distribution(compared: Compared) -> Plot:
    """How many queries fall into each tenth of the metric's range."""
    edges = np.linspace(0, 1, BINS + 1)
    names = [f"{low:.1f}–{high:.1f}" for low, high in pairwise(edges)]
    values = {
        compared.before: [one.before for one in compared.changes],
        compared.after: [one.after for one in compared.changes],
    }
    return Plot(
        name="search-queries",
        title=f"{compared.metric} of {len(compared.changes):,} queries, by {compared.before} and by {compared.after}",
        x=compared.metric,
        y="queries",
        kind="bars",
        series=[
            Series(name=variant, x=names, y=np.histogram(of_query, edges)[0].astype(float).tolist())
            for variant, of_query in values.items()
        ],
    )
