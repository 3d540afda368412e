"""Write the table of metrics in docs/metrics.md from the metrics' own definitions; a test checks that it is current."""

from __future__ import annotations

import re
from pathlib import Path

from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.registry import all_metrics

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
HEAD = "| metric | models | better | unit | definition |\n|---|---|---|---|---|\n"
TABLE = re.compile(re.escape(HEAD) + r"(?:\|.*\n)+")


def page() -> str:
    """The page with its current text and a new table."""
    table = HEAD + "".join(map(_row, all_metrics()))
    return TABLE.sub(lambda _: table, PAGE.read_text(encoding="utf-8"), count=1)


def _row(metric: Metric) -> str:
    cells = [
        ", ".join(f"`{name}`" for name in _names(metric)),
        ", ".join(metric.models),
        "near 1" if metric.better == "one" else metric.better,
        ", ".join(shape.unit for shape in metric.shapes),
        _definition(metric),
    ]
    return f"| {' | '.join(cells)} |\n"


def _names(metric: Metric) -> list[str]:
    with_cutoff = f"{metric.name}@k"
    return {"required": [with_cutoff], "optional": [metric.name, with_cutoff], "none": [metric.name]}[metric.cutoff]


def _definition(metric: Metric) -> str:
    parameters = [f"; `{one.name}` is {one.allowed} (default {one.default})" for one in metric.parameters]
    return metric.definition + "".join(parameters) + (f" ({metric.source})" if metric.source else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
