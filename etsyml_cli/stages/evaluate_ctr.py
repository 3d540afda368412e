"""Judge the click model on the days that `train ctr` set aside, or its configuration day after day."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.ingest.split import DaySplit
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.model import METRICS, SPLIT, load_config, load_json
from etsyml_cli.io.truth import read_click_probabilities
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.probability import METRICS as JUDGED_BY
from etsyml_cli.metrics.probability import Floats
from etsyml_cli.models.ctr.config import CtrConfig
from etsyml_cli.stages.ctr_baseline import baseline_rates
from etsyml_cli.stages.ctr_judge import Tested, compared_with, measure_days, measure_slices
from etsyml_cli.stages.ctr_listings import Beside, dealt_anew
from etsyml_cli.stages.ctr_log import CLICKED, AdLog, open_log, split_days
from etsyml_cli.stages.ctr_model import CONTENT, ENSEMBLE, CtrModel, judge_days, variants_of
from etsyml_cli.stages.ctr_store import beside_of, load_model, manifest_of
from etsyml_cli.stages.train_ctr import learn_model

PERMUTED = {CONTENT: "permuted", ENSEMBLE: "ens-permuted"}  # what variants are called whose photos were dealt anew


class TrainingRows(msgspec.Struct):
    """What `metrics.json` says of the rows that were learned from, as far as it is needed here."""

    base_rate: float


class LearnedFrom(msgspec.Struct):
    """The part of `metrics.json` that holds them."""

    train: TrainingRows


def evaluate_ctr(
    *,
    model: Path,
    impressions: Path,
    listings: Path | None,
    metrics: list[MetricName],
    seed: int,
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
    label are those of `train ctr`.

    Raises InputError for another impressions table than it learned from, DataError where nothing was held out or the
    test days have rows of one class only, UsageError for a baseline that is no variant, for more days than have a
    past, and for the truth of clicks where the model predicts conversions.
    """
    for metric in metrics:
        if metric.name not in JUDGED_BY:
            raise UsageError(f"{metric} does not judge click models", hint=did_you_mean(metric.name, JUDGED_BY))
    manifest = manifest_of(model)
    if "listings" not in manifest.plan.inputs:
        listings = None
    elif listings is None:
        raise UsageError(f"{model} was trained with a listings table", hint="Name it with --listings.")
    split: DaySplit = load_json(model, SPLIT, DaySplit)
    if split.test_from is None and backtest is None:
        raise DataError(
            f"{model} was trained with --holdout none: nothing is left to judge it on",
            hint="Judge its configuration on days of the past: --backtest 5.",
        )
    expect_same_input(manifest, "impressions", impressions)
    label = manifest.plan.config.get("label", CLICKED)
    if truth is not None and label != CLICKED:
        raise UsageError(f"{model} predicts conversions: the planted probabilities are those of clicks")
    log = open_log(impressions, manifest.plan.config.get("limit"), label)
    beside = beside_of(model, listings, images)
    names = [metric.name for metric in metrics]
    if backtest is None:
        base_rate = load_json(model, METRICS, LearnedFrom).train.base_rate
        tested = _test(load_model(model, beside), log, beside, split, base_rate, truth)
        return measure_slices(compared_with(baseline, tested), names, seed)
    config: CtrConfig = load_config(model, CtrConfig)
    days = (
        _test_day(log.until(day), beside, config, manifest.plan.seed or 0, truth) for day in days_to_test(log, backtest)
    )
    return measure_days([compared_with(baseline, day) for day in days], names, seed)


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


def _test_day(log: AdLog, beside: Beside, config: CtrConfig, seed: int, truth: Path | None) -> Tested:
    """The log's last day, judged by a model that learned the days before it."""
    split = split_days(log, None)
    model, learned = learn_model(log, beside, config, split, seed)
    return _test(model, log, beside, split, learned["train"]["base_rate"], truth)


def _test(model: CtrModel, log: AdLog, beside: Beside, split: DaySplit, base_rate: float, truth: Path | None) -> Tested:
    """What every variant says of the split's test days."""
    days = split.test_begins, split.last + 1
    judged = judge_days(model, log, *days)
    ids_alone = baseline_rates(log, beside.listings, model.config, split, base_rate)
    rates = {"baseline": ids_alone, **variants_of(model, judged)}
    if model.of_listings.photos:
        dealt = replace(model, of_listings=dealt_anew(model.of_listings, model.seed))
        permuted = variants_of(dealt, judge_days(dealt, log, *days))
        rates |= {PERMUTED[name]: permuted[name] for name in PERMUTED if name in permuted}
    if truth is not None:
        rates["oracle"] = _planted(truth, log, *days)
    cold = judged.shown < model.config.cold if model.histories else None
    return Tested(days[0], rates, judged.clicks, judged.impressions, cold)


def _planted(truth: Path, log: AdLog, first_day: int, end_day: int) -> Floats:
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
    probability: Floats = planted["probability"].take(places).to_numpy().astype(np.float64)
    return probability
