"""Evaluate the recommenders of a style model on the favorites that `train lda` held out."""

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
from etsyml_cli.personalization.model.recommender import LDA, POPULARITY, Users
from etsyml_cli.personalization.model.top_k import top_listings
from etsyml_cli.personalization.store import LdaModel, load_model, manifest_of
from etsyml_cli.splits.favorites import FavoriteSplit


@dataclass(frozen=True)
class TestLists:
    """The recommendations of each variant to the B users with held-out favorites, and their favorites.

    top: (B, k) for each variant. held_out: the relevant listings; train: the listings excluded from the lists.
    pair_user, pair_log_p: for each held-out favorite of a listing with training favorites, its user among the B and its
    log likelihood under each variant. favorites: (I,), the number of training favorites of each listing, by n_users
    users. shop_of: (I,), None if shops are not needed.
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


@dataclass(frozen=True)
class EvaluationInputs:
    """The inputs of an evaluation: a model and the favorites that it was trained on.

    Metrics of true styles need `truth`, metrics of shops the `listings` table.
    """

    model: Path
    favorites: Path
    truth: Path | None = None
    listings: Path | None = None


def evaluate(inputs: EvaluationInputs, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of each recommender on the users with held-out favorites, with differences to popularity.

    Training favorites are excluded from
    every list, held-out favorites are relevant. Perplexity is that of the held-out favorites of listings with at least
    one training favorite, under 99% model + 1% unigram. Raises DataError if there are no held-out favorites or no
    listing has a shop, InputError if the model was trained on other favorites.
    """
    expect_same_input(manifest_of(inputs.model), "favorites", inputs.favorites)
    trained = load_model(inputs.model)
    measurements = []
    shop_of = None if inputs.listings is None else shops_of(inputs.model, trained, inputs.listings)
    test_lists = _recommend_to_test_users(inputs.model, trained, max(map(_depth, metrics)), shop_of)
    for metric in _measurable(metrics, test_lists):
        shape = _shape(metric)
        if isinstance(shape, StyleMetric):
            measurements += _measure_styles(metric, shape, trained, inputs.truth, seed)
        else:
            measurements += _measure(metric, test_lists, seed)
    return measurements


def _measurable(metrics: list[MetricName], test_lists: TestLists) -> list[MetricName]:
    """The metrics that can be computed. Raises DataError if there are none.

    Metrics of held-out favorites are skipped if no held-out favorite is of a listing with training favorites.
    """
    if len(test_lists.pair_user):
        return metrics
    left_out = [metric for metric in metrics if isinstance(_shape(metric), FavoriteMetric)]
    for metric in left_out:
        reason = f"{metric}: no held-out favorite is of a listing with training favorites"
        if left_out == metrics:
            raise DataError(reason, hint="Train on a longer log, or choose another metric, such as recall@20.")
        logger.warning("%s; skipped", reason)
    return [metric for metric in metrics if metric not in left_out]


def _shape(metric: MetricName) -> RecommendationMetric:
    return metric.shape(RecommendationMetric)


def _depth(metric: MetricName) -> int:
    return metric.cutoff or _shape(metric).depth


def _recommend_to_test_users(
    directory: Path, model: LdaModel, depth: int, shop_of: NDArray[np.int32] | None
) -> TestLists:
    users = np.flatnonzero(model.test.per_user())
    if len(users) == 0:
        raise _no_test_set(directory)
    counts = np.bincount(model.train.indices, minlength=len(model.listing_ids))
    train, test = model.train.take(users), model.test.take(users)
    test_users = Users(users, train)
    top = {name: top_listings(one, test_users, train, depth)[0] for name, one in model.recommenders.items()}
    unknown = ~model.known[users]
    for lists in top.values():
        lists[unknown] = top[POPULARITY][unknown]  # as `recommend` does
    pair_user, listing = test.users(), test.indices
    learned = counts[listing] > 0
    pair_user, listing = pair_user[learned], listing[learned]

    def log_p(parameters: LdaParameters) -> NDArray[np.float64]:
        return log_likelihood(parameters.theta, parameters.beta, counts / counts.sum(), users[pair_user], listing)

    pair_log_p = {POPULARITY: log_p(one_style(counts, len(model.user_ids))), LDA: log_p(model.parameters)}
    n_users = int((model.train.per_user() > 0).sum())
    return TestLists(top, test, train, counts, n_users, shop_of, pair_user, pair_log_p)


def _measure(metric: MetricName, test_lists: TestLists, seed: int) -> list[Measurement]:
    """Compute the metric of every variant, with resamples of the users."""
    n = len(test_lists.held_out.per_user())
    shape, all_users = _shape(metric), np.arange(n)
    of_favorites = isinstance(shape, FavoriteMetric)
    values, draws = {}, {}
    for variant in test_lists.pair_log_p if of_favorites else test_lists.top:
        statistic = _statistic(metric, test_lists, variant)
        values[variant] = statistic(all_users)
        draws[variant] = resampled(statistic, n, seed)
        if isinstance(shape, ListingMetric):
            # a resample has 63% of the users, who cover less, so only the spread is used
            draws[variant] = np.clip(draws[variant] + values[variant] - np.median(draws[variant]), 0, 1)
    return compared(str(metric), values, draws, len(test_lists.pair_user) if of_favorites else n)


def _statistic(metric: MetricName, test_lists: TestLists, variant: str) -> Statistic:
    """The metric as a function of the users, drawn with replacement."""
    shape = _shape(metric)
    if isinstance(shape, FavoriteMetric):
        return _of_favorites(metric, shape, test_lists, test_lists.pair_log_p[variant])
    lists = test_lists.lists(variant, _depth(metric))
    if isinstance(shape, ListingMetric):
        return _of_listings(metric, shape, lists)
    if isinstance(shape, UserMetric):
        per_user = shape.values(lists, metric)
        return lambda draws: float(per_user[draws].mean())
    raise TypeError(f"{metric}: {type(shape).__name__} cannot be computed per user")


def _of_listings(metric: MetricName, shape: ListingMetric, lists: RecommendedLists) -> Statistic:
    of_listings = lists_of_users(lists.top, len(lists.favorites))
    return lambda draws: shape.value(of_listings @ np.bincount(draws, minlength=len(lists.top)), metric)


def _of_favorites(metric: MetricName, shape: FavoriteMetric, test_lists: TestLists, pair_log_p: F64) -> Statistic:
    n = len(test_lists.held_out.per_user())
    log_p = np.bincount(test_lists.pair_user, pair_log_p, n)
    pairs = np.bincount(test_lists.pair_user, minlength=n)

    def of_draws(draws: I64) -> float:
        n_pairs = pairs[draws].sum()  # a draw of few users may have none
        return shape.value(log_p[draws].sum() / n_pairs, metric) if n_pairs else math.nan

    return of_draws


def _no_test_set(directory: Path) -> DataError:
    split: FavoriteSplit = load_json(directory, SPLIT, FavoriteSplit)
    if split.rule == "none":
        return DataError(f"{directory}: trained with --holdout none, so there is no test set", hint="Train without it.")
    return DataError(
        f"{directory}: no held-out favorites, because no user has {split.min_favorites} favorites",
        hint="Give test favorites with --holdout FILE, or train on more favorites.",
    )


def _measure_styles(
    metric: MetricName, shape: StyleMetric, model: LdaModel, truth: Path | None, seed: int
) -> list[Measurement]:
    """Compute the metric of the true styles. Raises UsageError without `truth`."""
    from etsyml_cli.io.truth import read_styles

    if truth is None:
        raise UsageError(f"{metric} needs the ground truth of sample data", hint="Add --truth DIR.")
    true_ids, true = read_styles(truth)
    all_ids = sorted({*true_ids, *model.listing_ids})
    learned = _align_columns(all_ids, model.listing_ids, model.parameters.beta)
    return compared_means(
        str(metric), {LDA: shape.values(_align_columns(all_ids, true_ids, true), learned, metric)}, seed
    )


def _align_columns(all_ids: list[str], listing_ids: list[str], beta: NDArray[np.floating]) -> NDArray[np.float64]:
    """beta, (K, I), with a column for each of `all_ids`, 0 for unknown listings."""
    place = {listing_id: i for i, listing_id in enumerate(all_ids)}
    wide = np.zeros((len(beta), len(all_ids)))
    wide[:, [place[listing_id] for listing_id in listing_ids]] = beta
    return wide
