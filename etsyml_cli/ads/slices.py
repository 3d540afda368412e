"""Rows that a click model was tested on, and the figures of each variant on them: all rows, cold and warm ads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64
from etsyml_cli.metrics.measurement import Measurement, OverDays
from etsyml_cli.metrics.names import MetricName
from etsyml_cli.metrics.probability import figures, measure


class VariantScores(NamedTuple):
    """N rows from `day` on: what each variant said of them, the baseline first, and what became of them, (N,) each.

    `cold` is None where nobody counted how often an ad was shown before.
    """

    day: int
    rates: Mapping[str, F64]
    clicks: F64
    impressions: F64
    cold: NDArray[np.bool_] | None

    def hold_both(self) -> bool:
        """Whether there are clicks and non-clicks to tell apart."""
        return bool(0 < self.clicks.sum() < self.impressions.sum())


def compared_with(baseline: str | None, tested: VariantScores) -> VariantScores:
    """The same with this variant first, which the others are compared with. Raises UsageError where there is none."""
    if baseline is None:
        return tested
    if baseline not in tested.rates:
        raise UsageError(f"--baseline {baseline}: no such variant", hint=did_you_mean(baseline, tested.rates))
    return tested._replace(rates={baseline: tested.rates[baseline], **tested.rates})


def measure_slices(tested: VariantScores, metrics: list[MetricName], seed: int) -> list[Measurement]:
    """Every metric of every variant on every slice. Raises DataError where all rows are of one class."""
    measured = []
    for slice_, rows in _slices(tested):
        if slice_ != "mixed" and not rows.hold_both():
            logger.warning("%s ads: %s, not judged", slice_, _one_class(rows))
            continue
        measured += measure(metrics, rows.rates, rows.clicks, rows.impressions, slice_=slice_, seed=seed)
    return measured


def measure_days(days: list[VariantScores], metrics: list[MetricName], seed: int) -> list[Measurement]:
    """`measure_slices` of the rows of all days together, with the figures of each day beside them."""
    of_day = {str(date(1970, 1, 1) + timedelta(days=day.day)): day for day in days}
    by_day = {name: _figures_of_slices(name, day, metrics) for name, day in of_day.items()}
    measured = measure_slices(_together(days), metrics, seed)
    for m in measured:
        values = {day: found[m.slice][m.variant][m.name] for day, found in by_day.items() if m.slice in found}
        m.days = over_days(values)
    return measured


def over_days(values: dict[str, float]) -> OverDays:
    """Mean and spread of a figure's values, by day."""
    found = np.array(list(values.values()))
    mean, sd = (found.mean() if len(found) else np.nan), (found.std(ddof=1) if len(found) > 1 else np.nan)
    return OverDays(mean=float(mean), sd=float(sd), values=values)


def _figures_of_slices(
    name: str, day: VariantScores, metrics: list[MetricName]
) -> dict[str, dict[str, dict[str, float]]]:
    """Slice -> variant -> metric -> value, without slices of one class only."""
    found = {}
    for slice_, rows in _slices(day):
        if not rows.hold_both():
            logger.warning("%s, %s ads: %s, no figures of its own", name, slice_, _one_class(rows))
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
    return f"{len(rows.clicks):,} rows without both clicks and non-clicks"


def _together(days: list[VariantScores]) -> VariantScores:
    first = days[0]
    return VariantScores(
        first.day,
        {variant: np.concatenate([day.rates[variant] for day in days]) for variant in first.rates},
        np.concatenate([day.clicks for day in days]),
        np.concatenate([day.impressions for day in days]),
        None if first.cold is None else np.concatenate([day.cold for day in days]),
    )
