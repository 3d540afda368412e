"""The value of a metric with its slice, sample size, interval and difference to the baseline."""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

LEAST_EVENTS = 20  # resamples of fewer events do not show the variance


class Difference(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A variant minus the baseline on the same rows or queries, with a paired bootstrap interval.

    Of a mean over units also the p-value of the paired randomization test and how many units gained and lost.
    """

    baseline: str
    value: float
    low: float | None
    high: float | None
    p_value: float | None = None
    gained: int | None = None
    lost: int | None = None


class Observed(msgspec.Struct, kw_only=True):
    """The number of impressions, clicks or other events of a slice; `entropy`, in nats, is that of their rate."""

    impressions: float
    events: float
    entropy: float


class Spread(msgspec.Struct, kw_only=True):
    """A metric per day or window, with their mean and standard deviation (over n − 1), NaN if too few have a value."""

    mean: float
    sd: float
    values: dict[str, float]


class Measurement(msgspec.Struct, kw_only=True):
    """One metric of one variant on one slice; `low` and `high` bound the 95% bootstrap interval, `n` counts units.

    With fewer than LEAST_EVENTS events there is no interval: both ends are None, and `note` gives the reason. For click
    models, `observed` has the events. After a backtest, `days` or `windows` has the metric per day or window.
    """

    name: str
    variant: str
    slice: str = "all"
    value: float
    low: float | None
    high: float | None
    n: int
    note: str | UnsetType = UNSET
    against: Difference | None = None
    observed: Observed | UnsetType = UNSET
    days: Spread | UnsetType = UNSET
    windows: Spread | UnsetType = UNSET


def spread_of(values: dict[str, float]) -> Spread:
    """Mean and standard deviation of the values of single days or windows."""
    found = np.array(list(values.values()))
    mean, sd = (found.mean() if len(found) else np.nan), (found.std(ddof=1) if len(found) > 1 else np.nan)
    return Spread(mean=float(mean), sd=float(sd), values=values)


def without_intervals_of_few(measured: list[Measurement], events: float, what: str) -> list[Measurement]:
    """The measurements, without intervals and with a note if there are fewer than LEAST_EVENTS events."""
    if events < LEAST_EVENTS:
        for one in measured:
            one.note = f"no interval: {events:g} {what}, fewer than {LEAST_EVENTS}"
            for bounded in (one, one.against):
                if bounded:
                    bounded.low = bounded.high = None
    return measured
