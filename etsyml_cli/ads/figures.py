"""Figures of the training of a click model, as stored in `metrics.json` and the manifest."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from etsyml_cli.ads.model.ftrl import HashingFigures


class DayFigures(msgspec.Struct, kw_only=True):
    """Progressive validation on one day: numbers of rows, impressions and clicks, and the log loss of each part.

    Log losses are sums over impressions, of predictions made for each row just before the part was trained on it.
    """

    day: int
    rows: int = 0
    impressions: float = 0.0
    clicks: float = 0.0
    historical: float | UnsetType = UNSET  # without history there is no such part
    content: float = 0.0


class TrainingTotals(msgspec.Struct, kw_only=True):
    """Totals of the training rows; `base_rate` is their click rate."""

    rows: int
    impressions: float
    clicks: float
    base_rate: float


class FitDays(msgspec.Struct, frozen=True, kw_only=True):
    """The days on which the ensemble weights and the calibration are fitted; empty if they are not fitted."""

    blend: list[int] = []
    calibration: list[int] = []


class BlendFigures(msgspec.Struct, kw_only=True):
    """The ensemble weights, and slope and intercept of the calibration."""

    weights: list[float]
    platt: list[float]


class LearningFigures(msgspec.Struct, kw_only=True):
    """The figures of a training run: totals, progressive validation, fits, validation metrics and hashing, by part.

    `valid` has the metrics of each variant on the validation day; it is empty if the day has one class only.
    """

    train: TrainingTotals
    progressive: list[DayFigures]
    refitted: list[str]
    valid: dict[str, dict[str, float]]
    blend: BlendFigures
    fitted_on: FitDays
    hashing: dict[str, HashingFigures]

    def slots_used(self) -> int:
        """The number of slots in use, summed over the parts."""
        return sum(of_part.slots_used for of_part in self.hashing.values())


class DataFigures(msgspec.Struct, kw_only=True):
    """The data of a training run: table, label, `--train-days`, and configured columns that no table has."""

    source: str
    label: str
    train_days: int | None
    absent_columns: list[str]


class StoredFigures(msgspec.Struct, kw_only=True):
    """The part of `metrics.json` that is read again."""

    train: TrainingTotals
    progressive: list[DayFigures]


class Facts(msgspec.Struct, kw_only=True):
    """Facts of the manifest, which the summary prints; `refitted` is set after a warm start."""

    label: str
    slots_used: int
    base_rate: float
    progressive_logloss: dict[str, float]
    photos: str | None
    refitted: list[str] | UnsetType = UNSET


def mean_log_loss(days: list[DayFigures], part: str) -> float:
    """The log loss per impression of a part over these days."""
    total: float = sum(getattr(day, part) for day in days)
    return total / sum(day.impressions for day in days)


def metrics_json(data: DataFigures, learned: LearningFigures) -> dict[str, Any]:
    """The content of `metrics.json`."""
    content: dict[str, Any] = msgspec.to_builtins(data) | msgspec.to_builtins(learned)
    return content
