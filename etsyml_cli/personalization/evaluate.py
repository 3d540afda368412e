"""Judge the style model on the favorites that `train lda` held out, beside popularity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64, I64
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.model import SPLIT, load_json
from etsyml_cli.metrics.bootstrap import Statistic, compared, compared_means, resampled
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.recommendation import RecommendedLists, lists_of_users, log_likelihood
from etsyml_cli.metrics.shapes import FavoriteMetric, ListingMetric, RecommendationMetric, StyleMetric, UserMetric
from etsyml_cli.personalization.catalog import shops_of
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, one_style
from etsyml_cli.personalization.model.top_k import Ranker, top_listings
from etsyml_cli.personalization.store import LdaModel, load_model, manifest_of
from etsyml_cli.splits.users import UserSplit

BASELINE = "popularity"


@dataclass(frozen=True)
class TestLists:
    """The B users with held-out favorites: what each variant recommends to them and what they favorited.

    top: (B, k) for each variant. held_out: what the lists are judged by; train: what they leave out. pair_user,
    pair_log_p: for each held-out favorite of a listing with training favorites, its user among the B and its log
    likelihood by each variant. favorites: (I,), how many training favorites each listing has, of n_users users.
    shop_of: (I,), where it was asked for.
    """

    top: dict[str, NDArray[np.int32]]
    held_out: Favorites
    train: Favorites
    favorites: NDArray[np.int64]
    n_users: int
    shop_of: NDArray[np.int32] | None
    pair_user: NDArray[np.int64]
    pair_log_p: dict[str, NDArray[np.float64]]

    def lists(self, variant: str, depth: int) -> RecommendedLists:
        """The first `depth` listings that the variant recommends to each user."""
        top = self.top[variant][:, :depth]
        return RecommendedLists(top, self.held_out, self.train, self.favorites, self.n_users, self.shop_of)


def evaluate_lda(
    *,
    model: Path,
    favorites: Path,
    metrics: list[MetricName],
    seed: int,
    truth: Path | None = None,
    listings: Path | None = None,
) -> list[Measurement]:
    """Every metric of popularity, styles, item neighbors and their mix over the users with held-out favorites.

    Metrics of true styles need `truth`, those of shops the table of `listings`.
    Training favorites are left out of every list, held-out ones are what it should hold. Perplexity is that of the
    held-out favorites of listings with at least one training favorite, under 99% model + 1% unigram.
    Raises DataError where nothing is held out or no listing has a shop, InputError for other favorites than the model
    was trained on.
    """
    expect_same_input(manifest_of(model), "favorites", favorites)
    trained = load_model(model)
    measured = []
    shop_of = None if listings is None else shops_of(trained, listings)
    judged = _judge(model, trained, max(map(_depth, metrics)), shop_of)
    for metric in _measurable(metrics, judged):
        shape = _shape(metric)
        if isinstance(shape, StyleMetric):
            measured += _measure_styles(metric, shape, trained, truth, seed)
        else:
            measured += _measure(metric, judged, seed)
    return measured


def _measurable(metrics: list[MetricName], judged: TestLists) -> list[MetricName]:
    """The metrics without those of held-out favorites if there are none to judge. Raises DataError if none is left."""
    if len(judged.pair_user):
        return metrics
    left_out = [metric for metric in metrics if isinstance(_shape(metric), FavoriteMetric)]
    for metric in left_out:
        reason = f"{metric}: no held-out favorite is of a listing with training favorites"
        if left_out == metrics:
            raise DataError(reason, hint="Train on a longer log, or ask for another metric, such as recall@20.")
        logger.warning("%s; it is left out", reason)
    return [metric for metric in metrics if metric not in left_out]


def _shape(metric: MetricName) -> RecommendationMetric:
    return metric.shape(RecommendationMetric)


def _depth(metric: MetricName) -> int:
    return metric.cutoff or _shape(metric).depth


def _judge(directory: Path, model: LdaModel, depth: int, shop_of: NDArray[np.int32] | None) -> TestLists:
    users = np.flatnonzero(model.test.per_user())
    if len(users) == 0:
        raise _nothing_held_out(directory)
    counts = np.bincount(model.train.indices, minlength=len(model.listing_ids))
    train, test = model.train.take(users), model.test.take(users)
    popular = one_style(counts, len(model.user_ids))
    top = {BASELINE: top_listings(Ranker(popular.beta), popular.theta[users], train, train, depth)[0]}
    unknown = ~model.known[users]
    for name, ranker in model.rankers().items():
        top[name] = top_listings(ranker, model.parameters.theta[users], train, train, depth)[0]
        top[name][unknown] = top[BASELINE][unknown]  # as `recommend` does
    pair_user, listing = test.users(), test.indices
    learned = counts[listing] > 0
    pair_user, listing = pair_user[learned], listing[learned]

    def log_p(found: LdaParameters) -> NDArray[np.float64]:
        return log_likelihood(found.theta, found.beta, counts / counts.sum(), users[pair_user], listing)

    likely = {BASELINE: log_p(popular), "lda": log_p(model.parameters)}
    n_users = int((model.train.per_user() > 0).sum())
    return TestLists(top, test, train, counts, n_users, shop_of, pair_user, likely)


def _measure(metric: MetricName, judged: TestLists, seed: int) -> list[Measurement]:
    """The metric of every variant, over resamples of the users."""
    n = len(judged.held_out.per_user())
    shape, everyone = _shape(metric), np.arange(n)
    of_favorites = isinstance(shape, FavoriteMetric)
    values, draws = {}, {}
    for variant in judged.pair_log_p if of_favorites else judged.top:
        statistic = _statistic(metric, judged, variant)
        values[variant] = statistic(everyone)
        draws[variant] = resampled(statistic, n, seed)
        if isinstance(shape, ListingMetric):  # a resample has 63% of the users, who cover less: only the spread counts
            draws[variant] = np.clip(draws[variant] + values[variant] - np.median(draws[variant]), 0, 1)
    return compared(str(metric), values, draws, len(judged.pair_user) if of_favorites else n)


def _statistic(metric: MetricName, judged: TestLists, variant: str) -> Statistic:
    """The metric as a function of the users that it is computed for, drawn with repetition."""
    shape = _shape(metric)
    if isinstance(shape, FavoriteMetric):
        return _of_favorites(metric, shape, judged, judged.pair_log_p[variant])
    lists = judged.lists(variant, _depth(metric))
    if isinstance(shape, ListingMetric):
        return _of_listings(metric, shape, lists)
    if isinstance(shape, UserMetric):
        per_user = shape.values(lists, metric)
        return lambda draws: float(per_user[draws].mean())
    raise TypeError(f"{metric}: {type(shape).__name__} is not measured over users")


def _of_listings(metric: MetricName, shape: ListingMetric, lists: RecommendedLists) -> Statistic:
    of_listings = lists_of_users(lists.top, len(lists.favorites))
    return lambda draws: shape.value(of_listings @ np.bincount(draws, minlength=len(lists.top)), metric)


def _of_favorites(metric: MetricName, shape: FavoriteMetric, judged: TestLists, pair_log_p: F64) -> Statistic:
    n = len(judged.held_out.per_user())
    log_p = np.bincount(judged.pair_user, pair_log_p, n)
    pairs = np.bincount(judged.pair_user, minlength=n)

    def of_drawn(draws: I64) -> float:
        n_pairs = pairs[draws].sum()  # a draw of few users may have none
        return shape.value(log_p[draws].sum() / n_pairs, metric) if n_pairs else math.nan

    return of_drawn


def _nothing_held_out(directory: Path) -> DataError:
    split: UserSplit = load_json(directory, SPLIT, UserSplit)
    if split.rule == "none":
        return DataError(
            f"{directory}: trained with --holdout none, no favorite is left to judge it", hint="Train without it."
        )
    if split.rule == "file":
        name = (split.file or {})["name"]
        return DataError(f"{directory}: no held-out favorites, as {name} names none of the favorites")
    return DataError(
        f"{directory}: no held-out favorites, as nobody has {split.min_favorites} of them",
        hint="Name test favorites with --holdout FILE, or train on more favorites.",
    )


def _measure_styles(
    metric: MetricName, shape: StyleMetric, model: LdaModel, truth: Path | None, seed: int
) -> list[Measurement]:
    """The metric of the true styles. Raises UsageError without `truth`."""
    from etsyml_cli.io.truth import read_styles

    if truth is None:
        raise UsageError(f"{metric} compares with a planted truth", hint="Name it with --truth DIR.")
    true_ids, true = read_styles(truth)
    everything = sorted({*true_ids, *model.listing_ids})
    learned = _on(everything, model.listing_ids, model.parameters.beta)
    return compared_means(str(metric), {"lda": shape.values(_on(everything, true_ids, true), learned, metric)}, seed)


def _on(everything: list[str], listing_ids: list[str], beta: NDArray[np.floating]) -> NDArray[np.float64]:
    """beta, (K, I), with a column for each of `everything`, 0 where it knows nothing."""
    place = {listing_id: i for i, listing_id in enumerate(everything)}
    wide = np.zeros((len(beta), len(everything)))
    wide[:, [place[listing_id] for listing_id in listing_ids]] = beta
    return wide
