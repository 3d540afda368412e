"""Totals of each day of a log: rows, impressions and events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from etsyml_cli.ads.log.log import EVENTS, AdLog, counts
from etsyml_cli.ads.log.row_order import microseconds
from etsyml_cli.core.days import days_of
from etsyml_cli.core.errors import DataError


class Totals(NamedTuple):
    """Numbers of rows, impressions and events."""

    rows: int = 0
    impressions: float = 0.0
    events: float = 0.0

    def plus(self, other: Totals) -> Totals:
        """The sum of both."""
        return Totals(self.rows + other.rows, self.impressions + other.impressions, self.events + other.events)


class Averages(NamedTuple):
    """Events per impression, and impressions per row."""

    click_rate: float
    impressions: float


def totals_by_day(log: AdLog, first_day: int, end_day: int) -> dict[int, Totals]:
    """The totals of each day from first_day to end_day − 1 that has rows, in order."""
    totals: dict[int, Totals] = {}
    for rows in log.unordered([], first_day, end_day):
        clicks, impressions = counts(rows)
        days = days_of(microseconds(rows)) - first_day
        columns = [np.bincount(days), np.bincount(days, impressions), np.bincount(days, clicks)]
        for day in np.flatnonzero(columns[0]).tolist():
            of_day = Totals(*(column[day].item() for column in columns))
            totals[first_day + day] = totals.get(first_day + day, Totals()).plus(of_day)
    return dict(sorted(totals.items()))


def first_averages(log: AdLog, totals: dict[int, Totals], end_day: int) -> Averages:
    """The averages of the first days that have both events and impressions without an event.

    With these, a model starts the same, whether it is trained on all days at once or continued by warm starts. Raises
    DataError if the days before `end_day` have no events, or events only.
    """
    total = Totals()
    for day, of_day in totals.items():
        if day < end_day:
            total = total.plus(of_day)
            if 0 < total.events < total.impressions:
                return Averages(total.events / total.impressions, total.impressions / total.rows)
    if total.impressions == 0:
        raise DataError(f"{log.path}: no rows on the training days", hint="Train on more days.")
    what = f"no {EVENTS[log.label]}" if total.events <= 0 else f"{EVENTS[log.label]}s only"
    raise DataError(f"{log.path}: the training rows have {what}", hint="Is it the right label column?")


def last_days_with(totals: dict[int, Totals], events: float, end_day: int, least: int = 1) -> list[int]:
    """The last days before `end_day` with this many events together, at least `least` days; [] if too few."""
    chosen: list[int] = []
    total = 0.0
    for day in sorted((day for day in totals if day < end_day), reverse=True):
        chosen.append(day)
        total += totals[day].events
        if total >= events and len(chosen) >= least:
            return chosen[::-1]
    return []
