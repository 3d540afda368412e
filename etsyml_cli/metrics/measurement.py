"""A figure with all that is needed to believe it: on what, how many, how sure, against what."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

LEAST_EVENTS = 20  # resamples of fewer tell little of how a figure varies


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
    """What became of the impressions of a slice: clicks or other events; `entropy`, in nats, is that of their rate."""

    impressions: float
    events: float
    entropy: float


class OverDays(msgspec.Struct, kw_only=True):
    """A figure day by day, with mean and standard deviation (over n − 1) of the days, NaN where too few have one."""

    mean: float
    sd: float
    values: dict[str, float]


class Measurement(msgspec.Struct, kw_only=True):
    """One metric of one variant on one slice; `low` and `high` bound the 95% bootstrap interval, `n` counts units.

    Fewer than LEAST_EVENTS events give no interval: both ends are None, and `note` says why.
    Of click models also what was `observed` and, after a backtest, the figure's `days`.
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
    days: OverDays | UnsetType = UNSET


def without_intervals_of_few(measured: list[Measurement], events: float, what: str) -> list[Measurement]:
    """The measurements, without intervals and with a note if there are fewer than LEAST_EVENTS events."""
    if events < LEAST_EVENTS:
        for one in measured:
            one.note = f"no interval: {events:g} {what}, fewer than {LEAST_EVENTS}"
            for bounded in (one, one.against):
                if bounded:
                    bounded.low = bounded.high = None
    return measured
