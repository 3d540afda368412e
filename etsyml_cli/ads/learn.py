"""Learn the days of a log: the training days, then the validation day, which judges first and is learned after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel, Predictions, ScoredRows, judge_days, learn_days, together, variants_of
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.day_totals import first_averages, last_days_with, totals_by_day
from etsyml_cli.ads.listing_features import SideInputs
from etsyml_cli.ads.log import AdLog
from etsyml_cli.ads.model.blend import Blend, calibrated, fit_blend, level_kept
from etsyml_cli.ads.model.ftrl import hashing_figures
from etsyml_cli.ads.new_model import new_model
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import Advance, logger, progress
from etsyml_cli.metrics.probability import figures
from etsyml_cli.metrics.weighted import log_losses
from etsyml_cli.splits.days import DaySplit

BLEND_DAYS = 6  # the blend is fitted on the last so many days before the validation day, or more
LEAST_EVENTS = 200  # to fit the blend or its calibration on: of fewer, chance alone moves predictions by more than 7%
MOST_AGAIN = 100_000  # rows to predict again: they remain in memory with all that is known of them
MOST_KEPT = 1_000_000  # rows are enough for a handful of weights, and the predictions of all would fill the memory


class FitDays(NamedTuple):
    """The days that the blend and its calibration are fitted on; [] if it is not fitted."""

    blend: list[int]
    calibration: list[int]


class Kept:
    """What was predicted for the rows of some days just before they were learned, thinned evenly to MOST_KEPT rows."""

    def __init__(self, log: AdLog, days: set[int]) -> None:
        self._step = -(-sum(log.rows(day, day + 1) for day in days) // MOST_KEPT)
        self._of_day: dict[int, list[ScoredRows]] = {day: [] for day in days}

    def add(self, day: int, judged: ScoredRows) -> None:
        if day in self._of_day:
            self._of_day[day].append(ScoredRows(*(column[:: self._step] for column in judged)))

    def of(self, days: list[int]) -> ScoredRows:
        return together([part for day in days for part in self._of_day[day]])


class LooksAgain:
    """Rows of some days, thinned evenly to MOST_AGAIN, to be predicted again when all has been learned.

    Their features remain those of their own day.
    """

    def __init__(self, model: CtrModel, log: AdLog, days: list[int]) -> None:
        self._model, self._days = model, days
        self._step = -(-sum(log.rows(day, day + 1) for day in days) // MOST_AGAIN)
        self._before: list[ScoredRows] = []
        self._again: list[Callable[[], Predictions]] = []

    def add(self, day: int, rows: pa.RecordBatch, judged: ScoredRows) -> None:
        """Rows of the model's day that it has just learned, and their predictions just before."""
        if day in self._days:
            self._before.append(ScoredRows(*(column[:: self._step] for column in judged)))
            self._again.append(self._model.looker(rows.take(pa.array(np.arange(0, rows.num_rows, self._step)))))

    def before(self) -> ScoredRows:
        return together(self._before)

    def now(self) -> Predictions:
        return Predictions(*(np.concatenate(column) for column in zip(*(look() for look in self._again), strict=True)))


def learn_model(
    log: AdLog, side: SideInputs, config: CtrConfig, split: DaySplit, seed: int = 0
) -> tuple[CtrModel, dict[str, Any]]:
    """A model that learned all days before the split's test, and the figures of its training.

    `config` is what `fed_by` gives. Raises DataError where the training days have rows of one class only.
    """
    totals = totals_by_day(log, split.first, split.test_begins)
    model = new_model(config, side, first_averages(log, totals, split.valid_from), split.first, seed)
    return model, train_incremental(model, log, split)


def train_incremental(model: CtrModel, log: AdLog, split: DaySplit, known_rate: float | None = None) -> dict[str, Any]:
    """Learn the training days, judge on the validation days, learn those too; returns the figures of all that.

    A model that has learned earlier days, at a click rate of `known_rate`, keeps its blend or calibration if the days
    to fit it on are too few or hold too few events. Raises DataError if a new model's rows are weighed down to one
    class.
    """
    fit_on = FitDays([], [])
    if len(model.parts) > 1:
        fit_on = _days_to_fit_on(log, split, warm=known_rate is not None)
    days: list[dict[str, Any]] = []
    kept = Kept(log, {*fit_on.blend, *fit_on.calibration})
    looks = LooksAgain(model, log, fit_on.calibration)
    with progress("train ctr", _steps(log, split, model.config)) as advance:
        for day, rows, judged in _first_pass(model, log, split, advance):
            _count(days, day, model, judged)
            kept.add(day, judged)
            looks.add(day, rows, judged)
        if fit_on.blend:
            model.blend = fit_blend(*kept.of(fit_on.blend))
        rate = _click_rate(days, known_rate)
        valid = _validate(model, judge_days(model, log, split.valid_from, split.test_begins), rate)
        for day, rows, judged in learn_days(model, log, split.valid_from, split.test_begins):
            advance(len(judged.clicks))
            _count(days, day, model, judged)
            kept.add(day, judged)
            looks.add(day, rows, judged)
    if fit_on.calibration:
        model.blend = calibrated(model.blend, *kept.of(fit_on.calibration))
        model.blend = _level_kept(model.blend, looks)
    totals = {name: _total(days, name) for name in ("rows", "impressions", "clicks")}
    return {
        "train": {**totals, "base_rate": _click_rate(days, known_rate)},
        "progressive": days,
        "refitted": _refitted(model, fit_on),
        "valid": valid,
        "blend": {"weights": model.blend.weights.tolist(), "platt": model.blend.platt.tolist()},
        "fitted_on": fit_on._asdict(),
        "hashing": {name: hashing_figures(part.zn) for name, part in model.parts.items()},
    }


def _days_to_fit_on(log: AdLog, split: DaySplit, *, warm: bool) -> FitDays:
    """The last days that hold enough events, those of the blend before the validation day."""
    totals = totals_by_day(log, split.first, split.test_begins)
    least = BLEND_DAYS if warm else min(BLEND_DAYS, sum(day < split.valid_from for day in totals))
    return FitDays(
        blend=last_days_with(totals, LEAST_EVENTS, split.valid_from, least),
        calibration=last_days_with(totals, LEAST_EVENTS, split.test_begins),
    )


def _first_pass(
    model: CtrModel, log: AdLog, split: DaySplit, advance: Advance
) -> Iterator[tuple[int, pa.RecordBatch, ScoredRows]]:
    """Learn the training days in all passes; yields what `learn_days` yields in the first, before rows are known."""
    for number in range(model.config.passes):
        if number:
            model.forget_history(split.first)
        for learned in learn_days(model, log, split.first, split.valid_from):
            advance(len(learned[-1].clicks))
            if number == 0:
                yield learned


def _level_kept(blend: Blend, looks: LooksAgain) -> Blend:
    """The blend at the level that its predictions had on average before each row was learned.

    On a small log a single click moves the level of all predictions by some percent, as every row shares features.
    """
    before, now = looks.before(), looks.now()
    target = blend.predict(before.p, before.shown)
    return level_kept(blend, *now, target, before.impressions)


def _refitted(model: CtrModel, fit_on: FitDays) -> list[str]:
    """What was fitted to the days, by name, apart from the weights."""
    names = {
        "priors of the histories (daily)": model.histories,
        "click matrices (weekly)": model.clicks,
        "blend": fit_on.blend,
        "calibration": fit_on.calibration,
    }
    return [name for name, fitted in names.items() if fitted]


def _steps(log: AdLog, split: DaySplit, config: CtrConfig) -> int:
    return config.passes * log.rows(split.first, split.valid_from) + log.rows(split.valid_from, split.test_begins)


def _count(days: list[dict[str, Any]], day: int, model: CtrModel, judged: ScoredRows) -> None:
    """Add rows of a day to its figures: how many, and the log loss of each part just before it learned them."""
    if not days or days[-1]["day"] != day:
        days.append({"day": day, "rows": 0, "impressions": 0.0, "clicks": 0.0, **dict.fromkeys(model.parts, 0.0)})
    of_day = days[-1]
    of_day["rows"] += len(judged.clicks)
    of_day["impressions"] += float(judged.impressions.sum())
    of_day["clicks"] += float(judged.clicks.sum())
    for name, p in zip(model.parts, judged.p.T, strict=True):
        of_day[name] += float(log_losses(p, judged.clicks, judged.impressions).sum())


def _total(days: list[dict[str, Any]], name: str) -> Any:
    return sum(of_day[name] for of_day in days)


def _click_rate(days: list[dict[str, Any]], known_rate: float | None) -> float:
    """That of the days or, where they hold events only or none, the one that was known before.

    Raises DataError where none was: by `weight` or `negatives` the rows of a class may all count nothing.
    """
    clicks, impressions = _total(days, "clicks"), _total(days, "impressions")
    if 0 < clicks < impressions:
        return float(clicks / impressions)
    if known_rate is None:
        raise DataError(
            "the rows to train on that count are of one class only, or none", hint="See to weight, or raise negatives."
        )
    return known_rate


def _validate(model: CtrModel, judged: ScoredRows, base_rate: float) -> dict[str, dict[str, float]]:
    """The figures of the validation day, by variant; none where that day cannot judge."""
    clicks, impressions = judged.clicks, judged.impressions
    if not 0 < clicks.sum() < impressions.sum():
        what = "rows of one class only" if len(clicks) else "no rows"
        logger.warning("the validation day has %s: nothing was validated", what)
        return {}
    variants = {"base_rate": np.full(len(clicks), base_rate), **variants_of(model, judged)}
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
