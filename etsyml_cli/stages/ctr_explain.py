"""What made a predicted probability: the features that add most to its logit, by name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from etsyml_cli.features.ad_names import BIAS, NamedFeature, named_features
from etsyml_cli.models.ctr.blend import LOG_SHOWN, Blend
from etsyml_cli.models.ctr.ftrl import weights
from etsyml_cli.stages.ctr_model import CtrModel, Part

MOST_NAMED = 10
SHOWN, OTHERS = "shown", "others"

Reasons = list[dict[str, Any]]  # {"what": "title:wool", "adds": 0.31}, ...


def explain(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> list[Reasons]:
    """For each row what adds how much to the logit, the most telling first; all of it together is the logit.

    `listings` is the table that the model's rows are completed from. Beyond MOST_NAMED, features are summed as OTHERS.
    """
    known = model.known(rows)
    historical = named_features(model.historical.hash_rows, rows, listings, known.historical)
    content = named_features(model.content.hash_rows, rows, listings, known.content)
    share_h, share_c, per_shown, shift = model.blend.weights.tolist()
    found = []
    for of_historical, of_content, shown in zip(historical, content, known.shown.tolist(), strict=True):
        adds: dict[str, float] = defaultdict(float)
        _add(adds, model.historical, of_historical, share_h)
        _add(adds, model.content, of_content, share_c)
        adds[SHOWN] += per_shown * float(np.log1p(shown)) / LOG_SHOWN
        adds[BIAS] += shift
        found.append(_told(adds, model.blend))
    return found


def _add(adds: dict[str, float], part: Part, features: list[NamedFeature], share: float) -> None:
    """What these features of a part, which has this share in the blend, add to its log-odds."""
    w = weights(part.zn, np.array([feature.slot for feature in features], np.uint32), part.config)
    for feature, weight in zip(features, w.tolist(), strict=True):
        adds[feature.name] += share * feature.x * weight


def _told(adds: dict[str, float], blend: Blend) -> Reasons:
    slope, shift = blend.platt.tolist()
    calibrated = {name: slope * value + (shift if name == BIAS else 0.0) for name, value in adds.items()}
    telling = [(name, value) for name, value in calibrated.items() if value or name == BIAS]
    told = sorted(telling, key=lambda one: (-abs(one[1]), one[0]))
    named, others = told[:MOST_NAMED], [value for _, value in told[MOST_NAMED:]]
    return [{"what": name, "adds": value} for name, value in [*named, *([(OTHERS, sum(others))] if others else [])]]
