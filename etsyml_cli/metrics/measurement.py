"""A figure with all that is needed to believe it: on what, how many, how sure, against what."""

from __future__ import annotations

import msgspec


class Difference(msgspec.Struct, kw_only=True):
    """A variant minus the baseline on the same rows or queries, with a paired bootstrap interval."""

    baseline: str
    value: float
    low: float
    high: float


class Measurement(msgspec.Struct, kw_only=True):
    """One metric of one variant on one slice; `low` and `high` bound the 95% bootstrap interval, `n` counts units."""

    name: str
    variant: str
    slice: str = "all"
    value: float
    low: float
    high: float
    n: int
    against: Difference | None = None
