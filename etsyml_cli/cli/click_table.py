"""Tables of click model metrics, with differences in the units of Aryafar et al. (AdKDD'17)."""

from __future__ import annotations

import math
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from etsyml_cli.cli import show

if TYPE_CHECKING:
    from etsyml_cli.metrics.measurement import Measurement

DIFFERENCES = {  # unit of a metric's differences -> the end of its table's title
    "percent": ", differences in % of {baseline}",
    "thousandths": ", differences to {baseline} × 10³",
    "none": "",
}


def draw_click_figures(measurements: list[Measurement]) -> None:
    """A table for each metric: a row for each variant on each slice."""
    for name in dict.fromkeys(measurement.name for measurement in measurements):
        _draw(name, [measurement for measurement in measurements if measurement.name == name])


def _draw(name: str, measurements: list[Measurement]) -> None:
    from etsyml_cli.metrics.changes import row_metric

    metric = row_metric(name)
    compared = metric.difference != "none"
    header = ["slice", "variant", "value", "95%\ninterval"]
    header += ["diff.", "95%\ninterval"] if compared else []
    header += ["days'\nmean", "\nsd"] if any(m.days for m in measurements) else []
    rows = []
    for _, group in groupby(measurements, key=lambda m: m.slice):
        of_slice = list(group)
        values = {m.variant: m.value for m in of_slice}
        for label, m in zip_longest(_labels(of_slice[0]), of_slice):
            rows.append([label or "", *(_cells(m, values, compared=compared) if m else [])])
    baseline = next((m.against.baseline for m in measurements if m.against), "baseline")
    title = f"ctr, {metric.title}{DIFFERENCES[metric.difference].format(baseline=baseline)}"
    show.table(title, header, rows, numbers_from=2)
    show.notes(measurements)


def _cells(m: Measurement, values: dict[str, float], *, compared: bool) -> list[str]:
    """The row of one variant; `values` are those of all variants on its slice."""
    cells = [m.variant, _figure(m.value), show.interval(m.low, m.high)]
    if compared:
        cells += _difference(m, values)
    if m.days:
        cells += [_figure(m.days.mean), _figure(m.days.sd)]
    return cells


def _figure(value: float) -> str:
    """The value with four digits; empty if it is undefined."""
    return "" if math.isnan(value) else show.number(value, 4 if abs(value) < 1 else 3)


def _labels(measurement: Measurement) -> list[str]:
    labels = [measurement.slice]
    if observed := measurement.observed:
        labels += [f"n {observed.impressions:,.0f}", f"events {observed.events:,.0f}"]
        labels += [f"entropy {show.number(observed.entropy, 4)}"]
    return labels


def _difference(measurement: Measurement, values: dict[str, float]) -> list[str]:
    from etsyml_cli.metrics.changes import change_of

    against = measurement.against
    change = change_of(measurement, values[against.baseline]) if against else None
    if change is None:
        return ["", ""]
    value, low, high = change
    return [f"{value:+.2f}", show.interval(low, high, 2)]
