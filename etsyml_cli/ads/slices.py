"""Metrics of each variant of a click model on slices of the test rows: all rows, cold ads and warm ads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.days import iso_date
from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.measurement import Measurement, spread_of
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.probability import figures, measure


class VariantScores(NamedTuple):
    """Click probabilities of N test rows by variant, the baseline first, with clicks and impressions, (N,) each.

    `day` is the first test day. `cold`, (N,), is None if the model has no histories.
    """

    day: int
    rates: Mapping[str, F64]
    clicks: F64
    impressions: F64
    cold: NDArray[np.bool_] | None

    def has_both_classes(self) -> bool:
        """Whether there are both clicks and non-clicks."""
        return bool(0 < self.clicks.sum() < self.impressions.sum())


def compared_with(baseline: str | None, tested: VariantScores) -> VariantScores:
    """Move the baseline to the front; None keeps the order. Raises UsageError if there is no such variant."""
    if baseline is None:
        return tested
    if baseline not in tested.rates:
        raise UsageError(f"unknown --baseline {baseline}", hint=did_you_mean(baseline, tested.rates))
    return tested._replace(rates={baseline: tested.rates[baseline], **tested.rates})


def measure_slices(tested: VariantScores, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of every variant on every slice. Raises DataError if all rows are of one class."""
    measured = []
    for slice_, rows in _slices(tested):
        if slice_ != "mixed" and not rows.has_both_classes():
            logger.warning("%s ads: skipped, %s", slice_, _one_class(rows))
            continue
        measured += measure(metrics, rows.rates, rows.clicks, rows.impressions, slice_=slice_, seed=seed)
    return measured


def measure_days(days: list[VariantScores], metrics: list[MetricName], seed: int) -> list[Measurement]:
    """`measure_slices` of the rows of all days together, with the values of each single day."""
    of_day = {iso_date(day.day): day for day in days}
    by_day = {name: _figures_of_slices(name, day, metrics) for name, day in of_day.items()}
    measured = measure_slices(_together(days), metrics, seed)
    for m in measured:
        values = {day: found[m.slice][m.variant][m.name] for day, found in by_day.items() if m.slice in found}
        m.days = spread_of(values)
    return measured


def _figures_of_slices(
    name: str, day: VariantScores, metrics: list[MetricName]
) -> dict[str, dict[str, dict[str, float]]]:
    """Slice -> variant -> metric -> value, without slices that have one class only."""
    found = {}
    for slice_, rows in _slices(day):
        if not rows.has_both_classes():
            logger.warning("%s, %s ads: skipped, %s", name, slice_, _one_class(rows))
            continue
        found[slice_] = {
            variant: figures(rates, rows.clicks, rows.impressions, metrics) for variant, rates in rows.rates.items()
        }
    return found


def _slices(tested: VariantScores) -> Iterator[tuple[str, VariantScores]]:
    yield "mixed", tested
    if tested.cold is not None:
        yield "cold", _some(tested, tested.cold)
        yield "warm", _some(tested, ~tested.cold)


def _some(tested: VariantScores, rows: NDArray[np.bool_]) -> VariantScores:
    rates = {variant: found[rows] for variant, found in tested.rates.items()}
    return VariantScores(tested.day, rates, tested.clicks[rows], tested.impressions[rows], None)


def _one_class(rows: VariantScores) -> str:
    return f"the {len(rows.clicks):,} rows have only one class"


def _together(days: list[VariantScores]) -> VariantScores:
    first = days[0]
    return VariantScores(
        first.day,
        {variant: np.concatenate([day.rates[variant] for day in days]) for variant in first.rates},
        np.concatenate([day.clicks for day in days]),
        np.concatenate([day.impressions for day in days]),
        None if first.cold is None else np.concatenate([day.cold for day in days]),
    )
