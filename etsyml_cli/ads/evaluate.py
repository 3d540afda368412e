"""Evaluate a click model on its test days, or its configuration in a backtest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.baseline import baseline_rates
from etsyml_cli.ads.click_model import CONTENT, ENSEMBLE, CtrModel, ScoredRows, predict_days, variants_of
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.learn import learn_model
from etsyml_cli.ads.listing_features import shuffle_photos
from etsyml_cli.ads.log.log import CLICKED, IMPRESSIONS, SEARCHES, AdLog, open_log
from etsyml_cli.ads.side_inputs import SideInputs, check_side_inputs
from etsyml_cli.ads.slices import VariantScores, compared_with, measure_days, measure_slices
from etsyml_cli.ads.split import split_days
from etsyml_cli.ads.store import Origin, base_rate_of, load_model, manifest_of, origin_of, side_inputs_of
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.types import F64
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.model import SPLIT, load_config, load_json
from etsyml_cli.io.truth import read_click_probabilities
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.shapes import RowMetric
from etsyml_cli.splits.days import DaySplit

PERMUTED = {CONTENT: "permuted", ENSEMBLE: "ens-permuted"}  # variant -> its name with shuffled photos


@dataclass(frozen=True)
class EvaluationInputs:
    """The inputs of an evaluation: a model, and the tables and photo features that it was trained on.

    `truth` is a directory with the click probabilities of a synthetic marketplace. Differences are to the variant
    `baseline`, by default the model of ids only. `backtest` is a number of days to test, one by one.
    """

    model: Path
    impressions: Path | None
    listings: Path | None
    searches: Path | None = None
    images: Path | None = None
    truth: Path | None = None
    baseline: str | None = None
    backtest: int | None = None


class TrainedOn(NamedTuple):
    """The data that a click model was trained on: a description, the log, and listings and photos."""

    origin: Origin
    log: AdLog
    side: SideInputs


class TestRun(NamedTuple):
    """A model with predictions of its parts for each test row, and the click probabilities of all variants."""

    model: CtrModel
    split: DaySplit
    scored: ScoredRows
    tested: VariantScores


def evaluate(inputs: EvaluationInputs, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of the baseline, the parts of the model, their ensemble and, with `truth`, the true probabilities.

    Measured on the test days, for all rows and separately for cold and warm ads (by impressions before the test). A
    backtest measures each of the last days that have rows, with a model of the same configuration that was trained on
    the days before. If the model uses photos, the variants of PERMUTED are its predictions with shuffled photos.

    Raises InputError for another table than the model was trained on, DataError if there is no test set, its rows are
    of one class only, or no listing of the log is in the listings table, and UsageError for an unknown baseline, for
    more backtest days than the log has, and for `truth` if the model does not predict clicks on ads.
    """
    for metric in metrics:
        metric.shape(RowMetric)  # raises UsageError before anything is read
    trained_on = inputs_of(inputs)
    if inputs.truth is not None and (trained_on.log.table, trained_on.log.label) != (IMPRESSIONS, CLICKED):
        what = "conversions" if trained_on.log.label != CLICKED else "clicks on searches"
        raise UsageError(f"{inputs.model} predicts {what}, but --truth has probabilities of clicks on ads")
    if inputs.backtest is None:
        tested = on_test_days(inputs.model, trained_on, inputs.truth).tested
        return measure_slices(compared_with(inputs.baseline, tested), metrics, seed)
    days = [_backtest_day(inputs, trained_on, day) for day in days_to_test(trained_on.log, inputs.backtest)]
    return measure_days(days, metrics, seed)


def inputs_of(inputs: EvaluationInputs) -> TrainedOn:
    """Open the data that the model was trained on. Raises as `evaluate`."""
    manifest = manifest_of(inputs.model)
    listings = inputs.listings
    if "listings" not in manifest.plan.inputs:
        listings = None
    elif listings is None:
        raise UsageError(f"{inputs.model} was trained with a listings table", hint="Add --listings.")
    log, side = _log_of(inputs), side_inputs_of(inputs.model, listings, inputs.images)
    check_side_inputs(log.listings(), side, listings, inputs.images)
    return TrainedOn(origin_of(inputs.model), log, side)


def on_test_days(model: Path, trained_on: TrainedOn, truth: Path | None = None) -> TestRun:
    """Test the model in `model` on its test days. Raises DataError if there are none."""
    split: DaySplit = load_json(model, SPLIT, DaySplit)
    if split.test_from is None:
        raise DataError(
            f"{model} was trained with --holdout none: there is no test set",
            hint="Run a backtest of its configuration: --backtest 5.",
        )
    return _test(load_model(model, trained_on.side), trained_on, split, base_rate_of(model), truth)


def days_to_test(log: AdLog, number: int) -> list[int]:
    """The last days that have rows. Raises UsageError if fewer days have at least two days before them."""
    days = log.days()
    possible = days[days >= days[0] + 2]
    if not 1 <= number <= len(possible):
        raise UsageError(
            f"--backtest {number}: {log.path} has {len(possible)} days to test, with two or more before them",
            hint="Choose a number from 1 to that.",
        )
    return [int(day) for day in days[-number:]]


def _backtest_day(inputs: EvaluationInputs, trained_on: TrainedOn, day: int) -> VariantScores:
    origin, log, side = trained_on
    config: CtrConfig = load_config(inputs.model, CtrConfig)
    past = log.until(day)
    split = split_days(past.days(), None, origin.train_days)
    model, learned = learn_model(past, side, config, split, origin.seed)
    run = _test(model, trained_on._replace(log=past), split, learned.train.base_rate, inputs.truth)
    return compared_with(inputs.baseline, run.tested)


def _log_of(inputs: EvaluationInputs) -> AdLog:
    """The log that the model was trained on. Raises InputError for another one, UsageError if there is none."""
    manifest, origin = manifest_of(inputs.model), origin_of(inputs.model)
    table = inputs.searches if origin.source == SEARCHES else inputs.impressions
    if table is None:
        raise UsageError(f"the model was trained on {origin.source}", hint=f"Add --{origin.source}.")
    expect_same_input(manifest, origin.source, table)
    return open_log(table, origin.limit, origin.label, origin.source, origin.seed)


def _test(model: CtrModel, trained_on: TrainedOn, split: DaySplit, base_rate: float, truth: Path | None) -> TestRun:
    """Test the model on the test days of the split."""
    log, days = trained_on.log, (split.test_begins, split.last + 1)
    scored = predict_days(model, log, *days)
    baseline = baseline_rates(log, trained_on.side.listings, model.parts[CONTENT].config, split, base_rate)
    rates = {"baseline": baseline, **variants_of(model, scored)}
    if model.listing_features.photos:
        shuffled = replace(model, listing_features=shuffle_photos(model.listing_features, model.seed))
        permuted = variants_of(shuffled, predict_days(shuffled, log, *days))
        rates |= {PERMUTED[name]: permuted[name] for name in PERMUTED if name in permuted}
    if truth is not None:
        rates["oracle"] = _true_probabilities(truth, log, *days)
    cold = scored.shown < model.config.cold if model.histories else None
    return TestRun(model, split, scored, VariantScores(days[0], rates, scored.clicks, scored.impressions, cold))


def _true_probabilities(truth: Path, log: AdLog, first_day: int, end_day: int) -> F64:
    """The true click probability of each row of these days, shape (N,)."""
    table = read_click_probabilities(truth)
    if "impression_id" not in log.columns:
        raise DataError(f"{log.path} has no impression_id column, which --truth needs")
    ids = pa.chunked_array(
        [rows.column("impression_id") for rows in log.batches(["impression_id"], first_day, end_day)]
    )
    positions = pc.index_in(ids, value_set=table["impression_id"])
    if positions.null_count:
        raise DataError(f"{truth} lacks {positions.null_count:,} of {len(ids):,} impressions of the test days")
    probability: F64 = table["probability"].take(positions).to_numpy().astype(np.float64)
    return probability
