"""The table of the talk: metrics of each variant of the click model on each slice, and the change from the baseline."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UnsetType

from etsyml_cli.metrics.changes import change_of
from etsyml_cli.metrics.measurement import Measurement


class Change(msgspec.Struct):
    """Change from the baseline with a paired 95% interval: in percent of the baseline for AUC, × 10³ for the others."""

    value: float
    low: float | None
    high: float | None


class Figure(msgspec.Struct, kw_only=True):
    """A metric of a variant on a slice, with its 95% interval; no change for the baseline and for calibration."""

    metric: str
    value: float
    low: float | None
    high: float | None
    change: Change | None


class Row(msgspec.Struct, kw_only=True):
    """The metrics of a variant on a slice."""

    variant: str
    figures: list[Figure]


class Slice(msgspec.Struct, kw_only=True):
    """Rows of the test set: all, or those of cold or warm ads; `entropy` is the entropy of their base rate in nats."""

    name: str
    impressions: float
    events: float
    entropy: float
    rows: list[Row]


def slices(measured: list[Measurement]) -> list[Slice]:
    """Group the measurements of a click model into the slices and rows of the table."""
    return [_slice(name, [one for one in measured if one.slice == name]) for name in _names(m.slice for m in measured)]


def _slice(name: str, measured: list[Measurement]) -> Slice:
    values = {(one.name, one.variant): one.value for one in measured}
    rows = [
        Row(variant=variant, figures=[_figure(one, values) for one in measured if one.variant == variant])
        for variant in _names(one.variant for one in measured)
    ]
    observed = measured[0].observed
    counts = {} if isinstance(observed, UnsetType) else msgspec.structs.asdict(observed)
    return Slice(name=name, **counts, rows=rows)


def _figure(measured: Measurement, values: dict[tuple[str, str], float]) -> Figure:
    change = None
    if measured.against:
        change = change_of(measured, values[measured.name, measured.against.baseline])
    return Figure(
        metric=measured.name,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        change=None if change is None else Change(*change),
    )


def _names(names: Iterable[str]) -> list[str]:
    """Distinct names in order of first occurrence."""
    return list(dict.fromkeys(names))
