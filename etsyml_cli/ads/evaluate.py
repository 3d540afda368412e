"""Judge the click model on the days that `train ctr` set aside, or its configuration day after day."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.baseline import baseline_rates
from etsyml_cli.ads.click_model import CONTENT, ENSEMBLE, CtrModel, ScoredRows, judge_days, variants_of
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.learn import learn_model
from etsyml_cli.ads.listing_features import SideInputs, shuffle_photos
from etsyml_cli.ads.log import CLICKED, IMPRESSIONS, SEARCHES, AdLog, open_log
from etsyml_cli.ads.slices import VariantScores, compared_with, measure_days, measure_slices
from etsyml_cli.ads.split import split_days
from etsyml_cli.ads.store import base_rate_of, load_model, manifest_of, side_inputs_of
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.types import F64
from etsyml_cli.io.artifact import Manifest, expect_same_input
from etsyml_cli.io.model import SPLIT, load_config, load_json
from etsyml_cli.io.truth import read_click_probabilities
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.shapes import RowMetric
from etsyml_cli.splits.days import DaySplit

PERMUTED = {CONTENT: "permuted", ENSEMBLE: "ens-permuted"}  # what variants are called whose photos were dealt anew


def evaluate_ctr(
    *,
    model: Path,
    impressions: Path | None,
    listings: Path | None,
    metrics: list[MetricName],
    seed: int,
    searches: Path | None = None,
    images: Path | None = None,
    truth: Path | None = None,
    baseline: str | None = None,
    backtest: int | None = None,
) -> list[Measurement]:
    """Every metric of ids alone, both models, their ensemble and, with `truth`, the planted probabilities.

    On the test days, over all rows and apart for cold and warm ads, by their impressions before the test. With
    `backtest` on each of the last so many days that have rows, by a model of this one's configuration that learned
    only the days before it. Where the model knows photos, the variants of PERMUTED say what it would with the photos
    dealt to other listings. Differences are those to `baseline`, the variant of ids alone if it is None. Rows and
    label are those of `train ctr`, from the table that it learned from: `impressions` or `searches`.

    Raises InputError for another such table, DataError where nothing was held out or the
    test days have rows of one class only, UsageError for a baseline that is no variant, for more days than have a
    past, and for the truth of ad clicks where the model predicts something else.
    """
    for metric in metrics:
        metric.shape(RowMetric)  # raises UsageError before anything is read
    trained_on = inputs_of(model, impressions=impressions, searches=searches, listings=listings, images=images)
    if truth is not None and (trained_on.log.table, trained_on.log.label) != (IMPRESSIONS, CLICKED):
        what = "conversions" if trained_on.log.label != CLICKED else "clicks on searches"
        raise UsageError(f"{model} predicts {what}: the planted probabilities are those of clicks on ads")
    if backtest is None:
        tested = on_test_days(model, trained_on, truth).tested
        return measure_slices(compared_with(baseline, tested), metrics, seed)
    manifest, log, side = trained_on
    config: CtrConfig = load_config(model, CtrConfig)
    days = []
    for day in days_to_test(log, backtest):
        known = log.until(day)
        split = split_days(known.days(), None, manifest.plan.config.get("train_days"))
        trained, learned = learn_model(known, side, config, split, manifest.plan.seed or 0)
        tested = _test(trained, known, side, split, learned["train"]["base_rate"], truth).tested
        days.append(compared_with(baseline, tested))
    return measure_days(days, metrics, seed)


class TrainedOn(NamedTuple):
    """The manifest of a click model, the log that it learned from and what it knows beside that."""

    manifest: Manifest
    log: AdLog
    side: SideInputs


def inputs_of(
    model: Path, *, impressions: Path | None, searches: Path | None, listings: Path | None, images: Path | None
) -> TrainedOn:
    """Those of these tables and features that the model in `model` learned from. Raises as `evaluate_ctr`."""
    manifest = manifest_of(model)
    if "listings" not in manifest.plan.inputs:
        listings = None
    elif listings is None:
        raise UsageError(f"{model} was trained with a listings table", hint="Name it with --listings.")
    return TrainedOn(manifest, _log_of(manifest, impressions, searches), side_inputs_of(model, listings, images))


class TestRun(NamedTuple):
    """A model at its test days: what its parts said of each row, and what every variant makes of that."""

    model: CtrModel
    split: DaySplit
    judged: ScoredRows
    tested: VariantScores


def on_test_days(model: Path, trained_on: TrainedOn, truth: Path | None = None) -> TestRun:
    """The model in `model` at the days that `train ctr` set aside. Raises DataError where there are none."""
    split: DaySplit = load_json(model, SPLIT, DaySplit)
    if split.test_from is None:
        raise DataError(
            f"{model} was trained with --holdout none: nothing is left to judge it on",
            hint="Judge its configuration on days of the past: --backtest 5.",
        )
    trained = load_model(model, trained_on.side)
    return _test(trained, trained_on.log, trained_on.side, split, base_rate_of(model), truth)


def _log_of(manifest: Manifest, impressions: Path | None, searches: Path | None) -> AdLog:
    """The log that the model learned from. Raises InputError for another one, UsageError where it is not named."""
    source = SEARCHES if SEARCHES in manifest.plan.inputs else IMPRESSIONS
    table = searches if source == SEARCHES else impressions
    if table is None:
        raise UsageError(f"the model was trained on {source}", hint=f"Name that table with --{source}.")
    expect_same_input(manifest, source, table)
    settings = manifest.plan.config
    return open_log(table, settings.get("limit"), settings.get("label", CLICKED), source, manifest.plan.seed or 0)


def days_to_test(log: AdLog, number: int) -> list[int]:
    """The last days that have rows. Raises UsageError for more than have days to train on and to validate before."""
    days = log.days()
    possible = days[days >= days[0] + 2]
    if not 1 <= number <= len(possible):
        raise UsageError(
            f"--backtest {number}: {log.path} has {len(possible)} days to test, with two or more before them",
            hint="Test 1 day or more, and no more than these.",
        )
    return [int(day) for day in days[-number:]]


def _test(
    model: CtrModel, log: AdLog, side: SideInputs, split: DaySplit, base_rate: float, truth: Path | None
) -> TestRun:
    """The model at the split's test days."""
    days = split.test_begins, split.last + 1
    judged = judge_days(model, log, *days)
    ids_alone = baseline_rates(log, side.listings, model.parts[CONTENT].config, split, base_rate)
    rates = {"baseline": ids_alone, **variants_of(model, judged)}
    if model.listing_features.photos:
        dealt = replace(model, listing_features=shuffle_photos(model.listing_features, model.seed))
        permuted = variants_of(dealt, judge_days(dealt, log, *days))
        rates |= {PERMUTED[name]: permuted[name] for name in PERMUTED if name in permuted}
    if truth is not None:
        rates["oracle"] = _planted(truth, log, *days)
    cold = judged.shown < model.config.cold if model.histories else None
    return TestRun(model, split, judged, VariantScores(days[0], rates, judged.clicks, judged.impressions, cold))


def _planted(truth: Path, log: AdLog, first_day: int, end_day: int) -> F64:
    """The true click probability of each row of these days, shape (N,)."""
    planted = read_click_probabilities(truth)
    if "impression_id" not in log.columns:
        raise DataError(f"{log.path} has no impression_id, by which the truth is found")
    ids = pa.chunked_array(
        [rows.column("impression_id") for rows in log.batches(["impression_id"], first_day, end_day)]
    )
    places = pc.index_in(ids, value_set=planted["impression_id"])
    if places.null_count:
        raise DataError(f"{truth} does not know {places.null_count:,} of {len(ids):,} impressions of the test days")
    probability: F64 = planted["probability"].take(places).to_numpy().astype(np.float64)
    return probability
