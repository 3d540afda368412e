"""What made a predicted probability: the features that add most to its logit, by name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from etsyml_cli.features.ad_names import NamedFeature, named_features
from etsyml_cli.models.ctr.ftrl import weights
from etsyml_cli.stages.ctr_model import CtrModel

MOST_NAMED = 10
OTHERS = "others"

Reasons = list[dict[str, Any]]  # {"what": "title:wool", "adds": 0.31}, ...


def explain(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> list[Reasons]:
    """For each row what adds how much to the logit, the most telling first; all of it together is the logit.

    `listings` is the table that the model's rows are completed from. Beyond MOST_NAMED, features are summed as OTHERS.
    """
    return [_reasons(model, features) for features in named_features(model.hash_rows, rows, listings)]


def _reasons(model: CtrModel, features: list[NamedFeature]) -> Reasons:
    w = weights(model.zn, np.array([feature.slot for feature in features], np.uint32), model.config)
    adds: dict[str, float] = defaultdict(float)
    for feature, weight in zip(features, w.tolist(), strict=True):
        adds[feature.name] += feature.x * weight
    told = sorted(adds.items(), key=lambda one: (-abs(one[1]), one[0]))
    named, others = told[:MOST_NAMED], [value for _, value in told[MOST_NAMED:]]
    return [{"what": name, "adds": value} for name, value in [*named, *([(OTHERS, sum(others))] if others else [])]]
