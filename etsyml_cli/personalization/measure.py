"""Metrics of the lists of each recommender, over the users of one or more test parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import sparse

from etsyml_cli.core.types import F64, I64
from etsyml_cli.metrics.bootstrap import Statistic, compared, resampled
from etsyml_cli.metrics.measurement import Measurement, spread_of
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.recommendation import lists_of_users
from etsyml_cli.metrics.shapes import FavoriteMetric, ListingMetric, RecommendationMetric, UserMetric
from etsyml_cli.personalization.model.recommender import MIX, POPULARITY
from etsyml_cli.personalization.tested_lists import ALL, DIVERSE, KNOWN, NEW, TestedLists

Parts = Sequence[TestedLists]  # test parts of models of the same listings


def shape_of(metric: MetricName) -> RecommendationMetric:
    return metric.shape(RecommendationMetric)


def depth_of(metric: MetricName) -> int:
    """The number of listings per user that the metric needs."""
    return metric.cutoff or shape_of(metric).depth


def measure_slices(metric: MetricName, windows: Mapping[str, TestedLists], seed: int) -> list[Measurement]:
    """The metric of every variant on every slice of the users of all windows.

    With more than one window each measurement also has the values of the single windows, by their names.
    """
    measured = []
    for slice_ in _slices(list(windows.values())):
        of_slice = {name: part.of(slice_) for name, part in windows.items()}
        found = {name: part for name, part in of_slice.items() if _count(metric, [part])}
        if found:
            measured += _measure(metric, list(found.values()), slice_, seed)
        if len(windows) > 1:
            for one in measured:
                if one.slice == slice_:
                    one.windows = spread_of({name: _value(metric, part, one.variant) for name, part in found.items()})
    return measured


def _slices(parts: Parts) -> Iterator[str]:
    """All users; if some have no training favorites, also these and the others."""
    yield ALL
    known = np.concatenate([part.known for part in parts])
    if not known.all():
        yield from [KNOWN, NEW] if known.any() else [NEW]


def _measure(metric: MetricName, parts: Parts, slice_: str, seed: int) -> list[Measurement]:
    """Compute the metric of every variant, with resamples of the users."""
    n = sum(len(part.known) for part in parts)
    values, draws = {}, {}
    for variant in _variants(metric, parts[0], slice_):
        statistic = _statistic(metric, parts, variant)
        values[variant] = statistic(np.arange(n))
        draws[variant] = resampled(statistic, n, seed)
        if isinstance(shape_of(metric), ListingMetric):
            # a resample has 63% of the users, who cover less, so only the spread is used
            draws[variant] = np.clip(draws[variant] + values[variant] - np.median(draws[variant]), 0, 1)
    measured = compared(str(metric), values, draws, _count(metric, parts), slice_=slice_)
    _note_cost_of_diversity(measured, values, draws)
    return measured


def _note_cost_of_diversity(measured: list[Measurement], values: Mapping[str, float], draws: Mapping[str, F64]) -> None:
    """Note at the diverse variant its difference to the mix, with a paired interval."""
    for one in measured:
        if one.variant.startswith(DIVERSE):
            _, cost = compared(one.name, {name: values[name] for name in (MIX, one.variant)}, draws, one.n)
            if cost.against and cost.against.low is not None:
                of = cost.against
                one.note = f"{one.name}: {one.variant} minus mix {of.value:+.4f} [{of.low:+.4f}, {of.high:+.4f}]"


def _variants(metric: MetricName, part: TestedLists, slice_: str) -> Sequence[str]:
    if isinstance(shape_of(metric), FavoriteMetric):
        return list(part.pair_log_p)
    return [POPULARITY] if slice_ == NEW else list(part.top)  # new users get the popular listings from every variant


def _count(metric: MetricName, parts: Parts) -> int:
    """The number of units: held-out favorites or users."""
    of_favorites = isinstance(shape_of(metric), FavoriteMetric)
    return sum(len(part.pair_user if of_favorites else part.known) for part in parts)


def _value(metric: MetricName, part: TestedLists, variant: str) -> float:
    return _statistic(metric, [part], variant)(np.arange(len(part.known)))


def _statistic(metric: MetricName, parts: Parts, variant: str) -> Statistic:
    """The metric as a function of the users of all parts, drawn with replacement."""
    shape = shape_of(metric)
    if isinstance(shape, FavoriteMetric):
        return _of_favorites(metric, shape, parts, variant)
    lists = [part.lists(variant, depth_of(metric)) for part in parts]
    if isinstance(shape, ListingMetric):
        of_listings = sparse.hstack([lists_of_users(one.top, len(one.favorites)) for one in lists], "csr")
        return lambda draws: shape.value(of_listings @ np.bincount(draws, minlength=of_listings.shape[1]), metric)
    if isinstance(shape, UserMetric):
        per_user = np.concatenate([shape.values(one, metric) for one in lists])
        return lambda draws: float(per_user[draws].mean())
    raise TypeError(f"{metric}: {type(shape).__name__} cannot be computed per user")


def _of_favorites(metric: MetricName, shape: FavoriteMetric, parts: Parts, variant: str) -> Statistic:
    sums: list[F64] = []
    counts: list[I64] = []
    for part in parts:
        sums.append(np.bincount(part.pair_user, part.pair_log_p[variant], len(part.known)).astype(np.float64))
        counts.append(np.bincount(part.pair_user, minlength=len(part.known)))
    log_p, pairs = np.concatenate(sums), np.concatenate(counts)

    def of_draws(draws: I64) -> float:
        n_pairs = pairs[draws].sum()  # a draw of few users may have none
        return shape.value(log_p[draws].sum() / n_pairs, metric) if n_pairs else math.nan

    return of_draws
