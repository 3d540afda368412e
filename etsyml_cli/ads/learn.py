"""Train a click model on the days of a log: the training days, then the validation day, after measuring on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from etsyml_cli.ads.click_model import (
    HISTORICAL,
    CtrModel,
    Predictions,
    ScoredRows,
    concatenate,
    learn_days,
    predict_days,
    variants_of,
)
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.figures import BlendFigures, DayFigures, FitDays, LearningFigures, TrainingTotals
from etsyml_cli.ads.log.day_totals import first_averages, last_days_with, totals_by_day
from etsyml_cli.ads.log.log import AdLog
from etsyml_cli.ads.model.blend import Blend, fit_blend
from etsyml_cli.ads.model.calibration import calibrated, level_kept
from etsyml_cli.ads.model.ftrl import hashing_figures
from etsyml_cli.ads.new_model import new_model
from etsyml_cli.ads.side_inputs import SideInputs
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import Advance, logger, progress
from etsyml_cli.metrics.probability import figures
from etsyml_cli.metrics.weighted import log_losses
from etsyml_cli.splits.days import DaySplit

BLEND_DAYS = 6  # the ensemble weights are fitted on at least this many days before the validation day
LEAST_EVENTS = 200  # to fit the ensemble or the calibration: with fewer, chance moves predictions by more than 7%
MAX_REPREDICTED_ROWS = 100_000  # they are kept in memory with all their features
MAX_KEPT_ROWS = 1_000_000  # enough to fit a handful of weights; the predictions of all rows would fill the memory


class KeptPredictions:
    """Predictions made for rows of some days just before training on them, at most MAX_KEPT_ROWS, evenly spaced."""

    def __init__(self, log: AdLog, days: set[int]) -> None:
        self._step = _step(log, days, MAX_KEPT_ROWS)
        self._of_day: dict[int, list[ScoredRows]] = {day: [] for day in days}

    def add(self, day: int, scored: ScoredRows) -> None:
        if day in self._of_day:
            self._of_day[day].append(ScoredRows(*(column[:: self._step] for column in scored)))

    def of(self, days: list[int]) -> ScoredRows:
        return concatenate([part for day in days for part in self._of_day[day]])


class Repredictions:
    """Rows of some days, at most MAX_REPREDICTED_ROWS, evenly spaced, to be predicted again at the end of training.

    Their features remain those of their own day.
    """

    def __init__(self, model: CtrModel, log: AdLog, days: list[int]) -> None:
        self._model, self._days = model, days
        self._step = _step(log, set(days), MAX_REPREDICTED_ROWS)
        self._before: list[ScoredRows] = []
        self._again: list[Callable[[], Predictions]] = []

    def add(self, day: int, rows: pa.RecordBatch, scored: ScoredRows) -> None:
        """Add rows that the model has just been trained on, and the predictions made for them just before."""
        if day in self._days:
            self._before.append(ScoredRows(*(column[:: self._step] for column in scored)))
            some = rows.take(pa.array(np.arange(0, rows.num_rows, self._step)))
            self._again.append(self._model.deferred_predictions(some))

    def before(self) -> ScoredRows:
        return concatenate(self._before)

    def now(self) -> Predictions:
        return Predictions(*map(np.concatenate, zip(*(predict() for predict in self._again), strict=True)))


def learn_model(
    log: AdLog, side: SideInputs, config: CtrConfig, split: DaySplit, seed: int = 0
) -> tuple[CtrModel, LearningFigures]:
    """A model trained on all days before the test set, and the figures of its training.

    `config` comes from `resolve_columns`. Raises DataError if the training days have rows of one class only.
    """
    totals = totals_by_day(log, split.first, split.test_begins)
    model = new_model(config, side, first_averages(log, totals, split.valid_from), split.first, seed)
    return model, train_incremental(model, log, split)


def train_incremental(model: CtrModel, log: AdLog, split: DaySplit, known_rate: float | None = None) -> LearningFigures:
    """Train on the training days, measure on the validation day, train on that day too; returns the figures.

    `known_rate` is the click rate of earlier days that the model was trained on. Such a model keeps its ensemble
    weights or its calibration if the days to fit them on are too few or have too few events. Raises DataError if,
    weighted, the rows of a new model are of one class only.
    """
    fit_on = FitDays()
    if len(model.parts) > 1:
        fit_on = _days_to_fit_on(log, split, warm=known_rate is not None)
    days: list[DayFigures] = []
    kept = KeptPredictions(log, {*fit_on.blend, *fit_on.calibration})
    repredictions = Repredictions(model, log, fit_on.calibration)

    def record(day: int, rows: pa.RecordBatch, scored: ScoredRows) -> None:
        _count(days, day, model, scored)
        kept.add(day, scored)
        repredictions.add(day, rows, scored)

    with progress("train ctr", _steps(log, split, model.config)) as advance:
        for learned in _first_pass(model, log, split, advance):
            record(*learned)
        if fit_on.blend:
            model.blend = fit_blend(*kept.of(fit_on.blend))
        rate = _click_rate(days, known_rate)
        valid = _validate(model, predict_days(model, log, split.valid_from, split.test_begins), rate)
        for learned in learn_days(model, log, split.valid_from, split.test_begins):
            advance(len(learned[-1].clicks))
            record(*learned)
    if fit_on.calibration:
        model.blend = calibrated(model.blend, *kept.of(fit_on.calibration))
        model.blend = _level_kept(model.blend, repredictions)
    return LearningFigures(
        train=_totals(days, known_rate),
        progressive=days,
        refitted=_refitted(model, fit_on),
        valid=valid,
        blend=BlendFigures(weights=model.blend.weights.tolist(), platt=model.blend.platt.tolist()),
        fitted_on=fit_on,
        hashing={name: hashing_figures(part.zn) for name, part in model.parts.items()},
    )


def _step(log: AdLog, days: set[int], most: int) -> int:
    """The distance of evenly spaced rows, so that at most `most` of these days are taken."""
    return -(-sum(log.rows(day, day + 1) for day in days) // most)


def _days_to_fit_on(log: AdLog, split: DaySplit, *, warm: bool) -> FitDays:
    """The last days that have enough events; for the ensemble weights, only days before the validation day."""
    totals = totals_by_day(log, split.first, split.test_begins)
    least = BLEND_DAYS if warm else min(BLEND_DAYS, sum(day < split.valid_from for day in totals))
    return FitDays(
        blend=last_days_with(totals, LEAST_EVENTS, split.valid_from, least),
        calibration=last_days_with(totals, LEAST_EVENTS, split.test_begins),
    )


def _first_pass(
    model: CtrModel, log: AdLog, split: DaySplit, advance: Advance
) -> Iterator[tuple[int, pa.RecordBatch, ScoredRows]]:
    """Train in all passes over the training days; yields as `learn_days`, in the first pass only.

    In later passes, predictions are made by a model that was already trained on the rows.
    """
    for number in range(model.config.passes):
        if number:
            model.forget_history(split.first)
        for learned in learn_days(model, log, split.first, split.valid_from):
            advance(len(learned[-1].clicks))
            if number == 0:
                yield learned


def _level_kept(blend: Blend, repredictions: Repredictions) -> Blend:
    """The ensemble with the mean prediction that was made before training on each row.

    In a small log, one click moves all predictions by some percent, because all rows share features.
    """
    before, now = repredictions.before(), repredictions.now()
    target = blend.predict(before.p, before.shown)
    return level_kept(blend, *now, target, before.impressions)


def _refitted(model: CtrModel, fit_on: FitDays) -> list[str]:
    """The names of the parts that were fitted to these days, apart from the weights."""
    names = {
        "priors of the histories (daily)": model.histories,
        "click matrices (weekly)": model.clicks,
        "blend": fit_on.blend,
        "calibration": fit_on.calibration,
    }
    return [name for name, fitted in names.items() if fitted]


def _steps(log: AdLog, split: DaySplit, config: CtrConfig) -> int:
    return config.passes * log.rows(split.first, split.valid_from) + log.rows(split.valid_from, split.test_begins)


def _count(days: list[DayFigures], day: int, model: CtrModel, scored: ScoredRows) -> None:
    """Add rows to the figures of their day, which is the last one or a new one."""
    if not days or days[-1].day != day:
        days.append(DayFigures(day=day, historical=0.0 if HISTORICAL in model.parts else UNSET))
    of_day = days[-1]
    of_day.rows += len(scored.clicks)
    of_day.impressions += float(scored.impressions.sum())
    of_day.clicks += float(scored.clicks.sum())
    for name, p in zip(model.parts, scored.p.T, strict=True):
        loss = float(log_losses(p, scored.clicks, scored.impressions).sum())
        setattr(of_day, name, getattr(of_day, name) + loss)


def _totals(days: list[DayFigures], known_rate: float | None) -> TrainingTotals:
    return TrainingTotals(
        rows=sum(of_day.rows for of_day in days),
        impressions=sum(of_day.impressions for of_day in days),
        clicks=sum(of_day.clicks for of_day in days),
        base_rate=_click_rate(days, known_rate),
    )


def _click_rate(days: list[DayFigures], known_rate: float | None) -> float:
    """The click rate of the days, or `known_rate` if they have clicks only or no clicks.

    Raises DataError if that is None: `weight` or `negatives` may leave the rows of one class only.
    """
    clicks, impressions = sum(of_day.clicks for of_day in days), sum(of_day.impressions for of_day in days)
    if 0 < clicks < impressions:
        return float(clicks / impressions)
    if known_rate is None:
        raise DataError(
            "the training rows have clicks only or non-clicks only", hint="Check `weight`, or raise `negatives`."
        )
    return known_rate


def _validate(model: CtrModel, scored: ScoredRows, base_rate: float) -> dict[str, dict[str, float]]:
    """The metrics of each variant on the validation day; empty if its rows are of one class only."""
    clicks, impressions = scored.clicks, scored.impressions
    if not 0 < clicks.sum() < impressions.sum():
        what = "rows of one class only" if len(clicks) else "no rows"
        logger.warning("the validation day has %s: no validation metrics", what)
        return {}
    variants = {"base_rate": np.full(len(clicks), base_rate), **variants_of(model, scored)}
    valid = {name: figures(p, clicks, impressions) for name, p in variants.items()}
    worst = max(valid, key=lambda name: valid[name]["logloss"])
    if worst != "base_rate":
        logger.warning(
            "on the validation day the %s model is worse than the base rate (log loss %.4f against %.4f): "
            "try a smaller alpha or a larger beta",
            worst,
            valid[worst]["logloss"],
            valid["base_rate"]["logloss"],
        )
    return valid
