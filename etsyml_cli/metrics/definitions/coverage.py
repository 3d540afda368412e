"""Catalog coverage of lists of recommendations."""

from __future__ import annotations

from etsyml_cli.core.types import I64
from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import ListingMetric


def coverage(times: I64) -> float:
    """Share of the catalog that is in at least one list; times, (I,): the number of lists that contain each listing."""
    return float((times > 0).mean())


COVERAGE = Metric(
    name="coverage",
    definition="share of all listings that are in the top k of at least one user",
    better="higher",
    cutoff="required",
    shapes=(ListingMetric(coverage),),
)
