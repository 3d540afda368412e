"""The most telling features of a click model, by name."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import msgspec
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel
from etsyml_cli.ads.explain import additions
from etsyml_cli.ads.features.names import BIAS
from etsyml_cli.report.ads_rows import evenly

MOST_ROWS = 2_000  # each is taken apart, feature by feature
MAX_NAMES_IN_MESSAGE = 15


class Feature(msgspec.Struct, kw_only=True):
    """A feature: `share` of the rows have it, to whose log-odds it adds so much on average.

    `spread` is the standard deviation, over all rows, of what it adds: how far it tells rows apart.
    """

    name: str
    share: float
    adds: float
    spread: float


class Telling(msgspec.Struct, kw_only=True):
    """Features that add to what is said of `rows` rows, those first that tell most of them apart."""

    rows: int
    features: list[Feature]


def telling(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> Telling:
    """What tells some of these rows apart; `listings` is the table that the model's rows are completed from."""
    looked_at = evenly(rows, MOST_ROWS)
    found = most_telling(additions(model, looked_at, listings))
    return Telling(rows=looked_at.num_rows, features=found)


def most_telling(added: Iterable[dict[str, float]]) -> list[Feature]:
    """The features of greatest spread, from what each adds to each row, the bias left out."""
    n = 0
    of_feature: dict[str, list[float]] = {}
    for adds in added:
        n += 1
        for name, value in adds.items():
            if value and name != BIAS:
                of_feature.setdefault(name, []).append(value)
    features = [
        Feature(
            name=name,
            share=len(values) / n,
            adds=sum(values) / len(values),
            spread=sqrt(max(sum(value**2 for value in values) / n - (sum(values) / n) ** 2, 0.0)),
        )
        for name, values in of_feature.items()
    ]
    return sorted(features, key=lambda feature: (-feature.spread, feature.name))[:MAX_NAMES_IN_MESSAGE]
