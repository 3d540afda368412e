"""What made a predicted probability: the features that add most to its logit, by name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel, Part
from etsyml_cli.ads.features.derived import add_time_columns
from etsyml_cli.ads.features.names import BIAS, NamedFeature, named_features
from etsyml_cli.ads.model.blend import LOG_SHOWN, Blend
from etsyml_cli.ads.model.ftrl import weights
from etsyml_cli.ads.row_order import TIME

MAX_NAMES_IN_MESSAGE = 10
SHOWN, OTHERS = "shown", "others"

Reasons = list[dict[str, Any]]  # {"what": "title:wool", "adds": 0.31}, ...


def explain(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> list[Reasons]:
    """For each row what adds how much to the logit, the most telling first; all of it together is the logit.

    `listings` is the table that the model's rows are completed from. Beyond MOST_NAMED, features are summed as OTHERS.
    """
    return [_reasons(adds) for adds in additions(model, rows, listings)]


def additions(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> list[dict[str, float]]:
    """For each row what every feature adds to the logit, by name; all of it together is the logit."""
    rows = add_time_columns(model.at_position(rows), TIME, model.config.columns())
    side_features = model.side_features(rows, model.keys(rows))
    *shares, per_shown, shift = model.blend.weights.tolist()
    undone = float(np.log(model.config.negatives))  # the log-odds that learning a share of the rest gave every row
    found: list[dict[str, float]] = [defaultdict(float) for _ in range(rows.num_rows)]
    for share, (name, part) in zip(shares, model.parts.items(), strict=True):
        features = named_features(part.hash_rows, rows, listings, side_features.numbers[name])
        for adds, of_row in zip(found, features, strict=True):
            _add(adds, part, of_row, share)
            adds[BIAS] += share * undone
    for adds, shown in zip(found, side_features.shown.tolist(), strict=True):
        adds[SHOWN] += per_shown * float(np.log1p(shown)) / LOG_SHOWN
        adds[BIAS] += shift
    return [_calibrated(adds, model.blend) for adds in found]


def _add(adds: dict[str, float], part: Part, features: list[NamedFeature], share: float) -> None:
    """What these features of a part, which has this share in the blend, add to its log-odds."""
    w = weights(part.zn, np.array([feature.slot for feature in features], np.uint32), part.config)
    for feature, weight in zip(features, w.tolist(), strict=True):
        adds[feature.name] += share * feature.x * weight


def _calibrated(adds: dict[str, float], blend: Blend) -> dict[str, float]:
    slope, shift = blend.platt.tolist()
    return {name: slope * value + (shift if name == BIAS else 0.0) for name, value in adds.items()}


def _reasons(adds: dict[str, float]) -> Reasons:
    telling = [(name, value) for name, value in adds.items() if value or name == BIAS]
    told = sorted(telling, key=lambda one: (-abs(one[1]), one[0]))
    named, others = told[:MAX_NAMES_IN_MESSAGE], [value for _, value in told[MAX_NAMES_IN_MESSAGE:]]
    return [{"what": name, "adds": value} for name, value in [*named, *([(OTHERS, sum(others))] if others else [])]]
