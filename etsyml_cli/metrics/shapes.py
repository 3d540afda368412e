"""The shapes of a metric's functions: one shape per kind of data, which `evaluate` applies to any metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from etsyml_cli.core.types import F64, I64
    from etsyml_cli.metrics.names import MetricName
    from etsyml_cli.metrics.ranking import RankedPages
    from etsyml_cli.metrics.recommendation import RecommendedLists

Weighted = Callable[["F64"], float]  # a metric of N rows as a function of the weight of each row, (N,)


@dataclass(frozen=True)
class Shape:
    """What a function of a metric measures: the kinds of models, the unit of the mean."""

    models: ClassVar[tuple[str, ...]]
    unit: ClassVar[str]
    needs_truth: ClassVar[bool] = False  # compares with the ground truth of `etsyml sample-data`
    needs: tuple[str, ...] = field(default=(), kw_only=True)  # tables that evaluating these models does not always read


@dataclass(frozen=True)
class PageMetric(Shape):
    """Values of ranked pages: `function(pages, k=cutoff, **parameters)` returns (Q,), NaN if a value is undefined.

    `of_runs`: can be computed for TREC runs, which may lack listings of a page. `on_unseen`: is also reported for the
    rows whose listings are on no training or validation page.
    """

    models = ("ltr",)
    unit = "pages"
    function: Callable[..., F64]
    of_runs: bool = True
    on_unseen: bool = False

    def values(self, pages: RankedPages, name: MetricName) -> F64:
        """The value of each page, shape (Q,)."""
        cutoff = {} if name.cutoff is None else {"k": name.cutoff}
        return self.function(pages, **cutoff, **name.arguments)


@dataclass(frozen=True)
class RecommendationMetric(Shape):
    """A metric of a style model and its variants; without a cutoff it needs the first `depth` listings of each list."""

    models = ("lda",)
    depth: int = field(default=1, kw_only=True)


@dataclass(frozen=True)
class UserMetric(RecommendationMetric):
    """Values of recommended lists, averaged over users: `function(lists, **parameters)` returns (U,)."""

    unit = "users"
    function: Callable[..., F64]

    def values(self, lists: RecommendedLists, name: MetricName) -> F64:
        """The value of each user, shape (U,)."""
        return self.function(lists, **name.arguments)


@dataclass(frozen=True)
class HitMetric(UserMetric):
    """A `UserMetric` of hits (U, k) and the number of held-out favorites (U,): `function(hits, held, **parameters)`."""

    def values(self, lists: RecommendedLists, name: MetricName) -> F64:
        """The value of each user, shape (U,)."""
        return self.function(lists.hits(), lists.held(), **name.arguments)


@dataclass(frozen=True)
class ListingMetric(RecommendationMetric):
    """A value between 0 and 1 of the number of lists that contain each listing, (I,): `function(times, ...)`."""

    unit = "users"
    function: Callable[..., float]

    def value(self, times: I64, name: MetricName) -> float:
        """The value of all lists together."""
        return self.function(times, **name.arguments)


@dataclass(frozen=True)
class FavoriteMetric(RecommendationMetric):
    """A value of the mean log-likelihood of the held-out favorites: `function(mean_log_p, ...)`."""

    unit = "held-out favorites"
    function: Callable[..., float]

    def value(self, mean_log_p: float, name: MetricName) -> float:
        """The value of all held-out favorites together."""
        return self.function(mean_log_p, **name.arguments)


@dataclass(frozen=True)
class StyleMetric(RecommendationMetric):
    """Values of the true styles, (K, I), by the learned ones, (L, I): `function(true, learned, ...)`: (K,)."""

    unit = "true styles"
    needs_truth = True
    function: Callable[..., F64]

    def values(self, true: F64, learned: F64, name: MetricName) -> F64:
        """The value of each true style, shape (K,)."""
        return self.function(true, learned, **name.arguments)


@dataclass(frozen=True)
class RowMetric(Shape):
    """A metric of N rows with p, clicks and impressions, (N,) each: `function(p, clicks, impressions, ...)`.

    It returns a function of the weight of each row, so that the rows are sorted once and not in every resample. `title`
    is the heading of its table; `difference` the unit of differences to the baseline: percent of the baseline's value,
    thousandths, or none if differences have no meaning.
    """

    models = ("ctr",)
    unit = "rows"
    function: Callable[..., Weighted]
    title: str
    difference: Literal["percent", "thousandths", "none"] = "thousandths"

    def weighted(self, p: F64, clicks: F64, impressions: F64, name: MetricName) -> Weighted:
        """The metric as a function of the weights of the rows."""
        return self.function(p, clicks, impressions, **name.arguments)
