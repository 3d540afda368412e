"""Judge the click model on the days that `train ctr` set aside, beside the base rate of its training rows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.ingest.split import DaySplit
from etsyml_cli.io.artifact import expect_same_input
from etsyml_cli.io.model import METRICS, SPLIT, load_json
from etsyml_cli.io.truth import read_click_probabilities
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.probability import METRICS as JUDGED_BY
from etsyml_cli.metrics.probability import Floats, measure
from etsyml_cli.stages.ctr_log import CLICKED, AdLog, open_log
from etsyml_cli.stages.ctr_model import judge_days, variants_of
from etsyml_cli.stages.ctr_store import load_model, manifest_of


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
    images: Path | None = None,
    metrics: list[MetricName],
    seed: int,
    truth: Path | None = None,
) -> list[Measurement]:
    """Every metric of the baseline, both models, their ensemble and, with `truth`, the planted probabilities.

    On the test days, over all rows and apart for cold and warm ads, by their impressions before the test.
    Rows and label are those of `train ctr`. Raises InputError for another impressions table than it learned from,
    DataError where nothing was held out, or the test days have rows of one class only, UsageError for the truth of
    clicks where the model predicts conversions.
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
    if split.test_from is None:
        raise DataError(f"{model} was trained with --holdout none: nothing is left to judge it on")
    expect_same_input(manifest, "impressions", impressions)
    label = manifest.plan.config.get("label", CLICKED)
    if truth is not None and label != CLICKED:
        raise UsageError(f"{model} predicts conversions: the planted probabilities are those of clicks")
    log = open_log(impressions, manifest.plan.config.get("limit"), label)
    test_days = (split.test_from, split.last + 1)
    loaded = load_model(model, listings, images)
    judged = judge_days(loaded, log, *test_days)
    variants = variants_of(loaded, judged, load_json(model, METRICS, LearnedFrom).train.base_rate)
    if truth is not None:
        variants["oracle"] = _planted(truth, log, *test_days)
    cold = judged.shown < loaded.config.cold
    measured = []
    for slice_, rows in {"mixed": np.ones(len(cold), bool), "cold": cold, "warm": ~cold}.items():
        clicks, shown = judged.clicks[rows], judged.impressions[rows]
        if slice_ != "mixed" and not 0 < clicks.sum() < shown.sum():
            logger.warning("%s ads: %s rows without both clicks and non-clicks, not judged", slice_, f"{len(clicks):,}")
            continue
        p = {variant: found[rows] for variant, found in variants.items()}
        measured += measure([metric.name for metric in metrics], p, clicks, shown, slice_=slice_, seed=seed)
    return measured


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
