"""Evaluate the recommenders of a style model on the favorites that `train lda` held out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.model import SPLIT, load_json
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.shapes import FavoriteMetric, StyleMetric
from etsyml_cli.personalization.backtest import backtest
from etsyml_cli.personalization.catalog import shops_of
from etsyml_cli.personalization.measure import depth_of, measure_slices, shape_of
from etsyml_cli.personalization.model.recommender import LDA
from etsyml_cli.personalization.store import LdaModel, load_model, manifest_of
from etsyml_cli.personalization.tested_lists import TestedLists, lists_of_test_users
from etsyml_cli.splits.favorites import FavoriteSplit


@dataclass(frozen=True)
class EvaluationInputs:
    """The inputs of an evaluation: a model and the favorites that it was trained on.

    Metrics of true styles need `truth`, metrics of shops the `listings` table. `backtest` is a number of windows to
    test, one by one. With `diversity`, 0 to 1, the diverse lists of the mix are a variant of their own.
    """

    model: Path
    favorites: Path
    truth: Path | None = None
    listings: Path | None = None
    backtest: int | None = None
    diversity: float | None = None


def evaluate(inputs: EvaluationInputs, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of each recommender on the users with held-out favorites, with differences to popularity.

    If some of these users have no training favorites, they are also measured apart, as `new`, and the others as
    `known`. Training favorites are excluded from every list, held-out favorites are relevant. Perplexity is that of the
    held-out favorites of listings with at least one training favorite, under 99% model + 1% unigram. A backtest
    measures the users of all its windows together. Raises DataError if there are no held-out favorites or no listing
    has a shop, InputError if the model was trained on other favorites.
    """
    expect_same_input(manifest_of(inputs.model), "favorites", inputs.favorites)
    trained = load_model(inputs.model)
    windows = _tested(inputs, trained, max(map(depth_of, metrics)))
    measurements = []
    for metric in _measurable(metrics, windows.values()):
        shape = shape_of(metric)
        if isinstance(shape, StyleMetric):
            measurements += _measure_styles(metric, shape, trained, inputs.truth, seed)
        else:
            measurements += measure_slices(metric, windows, seed)
    return measurements


def _tested(inputs: EvaluationInputs, trained: LdaModel, depth: int) -> dict[str, TestedLists]:
    """The lists for the test set of the model, or for each window of a backtest."""
    shop_of = None if inputs.listings is None else shops_of(inputs.model, trained, inputs.listings)
    if inputs.backtest is not None:
        windows = backtest(inputs.model, inputs.favorites, inputs.backtest)
        return {name: lists_of_test_users(model, depth, shop_of, inputs.diversity) for name, model in windows}
    if not len(trained.test.indices):
        raise _no_test_set(inputs.model)
    return {"": lists_of_test_users(trained, depth, shop_of, inputs.diversity)}


def _measurable(metrics: list[MetricName], windows: Collection[TestedLists]) -> list[MetricName]:
    """The metrics that can be computed. Raises DataError if there are none.

    Metrics of held-out favorites are skipped if no held-out favorite is of a listing with training favorites.
    """
    if any(len(tested.pair_user) for tested in windows):
        return metrics
    left_out = [metric for metric in metrics if isinstance(shape_of(metric), FavoriteMetric)]
    for metric in left_out:
        reason = f"{metric}: no held-out favorite is of a listing with training favorites"
        if left_out == metrics:
            raise DataError(reason, hint="Train on a longer log, or choose another metric, such as recall@20.")
        logger.warning("%s; skipped", reason)
    return [metric for metric in metrics if metric not in left_out]


def _no_test_set(directory: Path) -> DataError:
    split: FavoriteSplit = load_json(directory, SPLIT, FavoriteSplit)
    if split.rule == "none":
        return DataError(
            f"{directory}: trained with --holdout none, so there is no test set",
            hint="Train without it.",
        )
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
