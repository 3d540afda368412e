"""The most important features of a click model, by name."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import msgspec
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel
from etsyml_cli.ads.explain import additions
from etsyml_cli.ads.features.names import BIAS
from etsyml_cli.report.ads_rows import evenly

MAX_ROWS = 2_000  # explained feature by feature
MAX_FEATURES = 15


class Feature(msgspec.Struct, kw_only=True):
    """A feature. `share` of the rows have it; `adds` is its mean contribution to their log-odds.

    `spread` is the standard deviation of its contribution over all rows, a measure of its importance.
    """

    name: str
    share: float
    adds: float
    spread: float


class TopFeatures(msgspec.Struct, kw_only=True):
    """Features of `rows` rows in decreasing order of spread."""

    rows: int
    features: list[Feature]


def top_features(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> TopFeatures:
    """The most important features in a sample of the rows; `listings` is the table with columns of the listings."""
    sample = evenly(rows, MAX_ROWS)
    return TopFeatures(rows=sample.num_rows, features=by_spread(additions(model, sample, listings)))


def by_spread(contributions: Iterable[dict[str, float]]) -> list[Feature]:
    """The features with the largest spread, except the bias; `contributions` has one dict per row."""
    n = 0
    values_of: dict[str, list[float]] = {}
    for row in contributions:
        n += 1
        for name, value in row.items():
            if value and name != BIAS:
                values_of.setdefault(name, []).append(value)
    features = [
        Feature(
            name=name,
            share=len(values) / n,
            adds=sum(values) / len(values),
            spread=sqrt(max(sum(value**2 for value in values) / n - (sum(values) / n) ** 2, 0.0)),
        )
        for name, values in values_of.items()
    ]
    return sorted(features, key=lambda feature: (-feature.spread, feature.name))[:MAX_FEATURES]
