"""Differences of click models in the units of Aryafar et al. (AdKDD'17)."""

from __future__ import annotations

import math
from typing import NamedTuple

from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.metrics.shapes import RowMetric

THOUSANDTH = 1e-3


class Change(NamedTuple):
    """A difference and both ends of its interval."""

    value: float
    low: float | None
    high: float | None


def row_metric(name: str) -> RowMetric:
    """The metric of click models that `name` refers to. Raises UsageError if there is none."""
    return parse_metric(name).shape(RowMetric)


def change_of(measurement: Measurement, baseline: float) -> Change | None:
    """The difference to the baseline's value in the unit of its metric; None for the baseline itself.

    AUC in percent of the baseline's value, log loss and normalized entropy × 10³. Also None if differences of the
    metric have no meaning.
    """
    difference, against = row_metric(measurement.name).difference, measurement.against
    if against is None or difference == "none":
        return None
    unit = (baseline / 100 or math.nan) if difference == "percent" else THOUSANDTH
    low, high = (None if end is None else end / unit for end in (against.low, against.high))
    return Change(against.value / unit, low, high)
