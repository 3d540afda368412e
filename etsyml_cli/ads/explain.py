"""Explain a prediction: contributions of features to its logit."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import numpy as np
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel, Part
from etsyml_cli.ads.features.names import BIAS, NamedFeature, named_features
from etsyml_cli.ads.model.blend import LOG_SHOWN, Blend
from etsyml_cli.ads.model.ftrl import weights

MAX_REASONS = 10
SHOWN, OTHERS = "shown", "others"


class Reason(msgspec.Struct, frozen=True):
    """A feature (`what`) and its contribution to the logit."""

    what: str
    adds: float


def explain(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> list[list[Reason]]:
    """The contributions of features to the logit of each row, largest first; their sum is the logit.

    `listings` is the table that the model was loaded with. At most MAX_REASONS features are listed; OTHERS is the sum
    of the rest.
    """
    return [_reasons(adds) for adds in additions(model, rows, listings)]


def additions(model: CtrModel, rows: pa.RecordBatch, listings: pa.Table | None) -> list[dict[str, float]]:
    """The contribution of every feature to the logit of each row, by name; their sum is the logit."""
    rows, side = model.feature_rows(model.at_position(rows))
    *shares, per_shown, shift = model.blend.weights.tolist()
    sampling = float(np.log(model.config.negatives))  # corrects the log-odds for sampling of rows without a click
    contributions: list[dict[str, float]] = [defaultdict(float) for _ in range(rows.num_rows)]
    for share, (name, part) in zip(shares, model.parts.items(), strict=True):
        features = named_features(part.hash_rows, rows, listings, side.numbers[name])
        for adds, of_row in zip(contributions, features, strict=True):
            _add(adds, part, of_row, share)
            adds[BIAS] += share * sampling
    for adds, shown in zip(contributions, side.shown.tolist(), strict=True):
        adds[SHOWN] += per_shown * float(np.log1p(shown)) / LOG_SHOWN
        adds[BIAS] += shift
    return [_calibrated(adds, model.blend) for adds in contributions]


def _add(adds: dict[str, float], part: Part, features: list[NamedFeature], share: float) -> None:
    """Add the contributions of these features of a part that has this weight in the ensemble."""
    w = weights(part.zn, np.array([feature.slot for feature in features], np.uint32), part.config)
    for feature, weight in zip(features, w.tolist(), strict=True):
        adds[feature.name] += share * feature.x * weight


def _calibrated(adds: dict[str, float], blend: Blend) -> dict[str, float]:
    slope, shift = blend.platt.tolist()
    return {name: slope * value + (shift if name == BIAS else 0.0) for name, value in adds.items()}


def _reasons(adds: dict[str, float]) -> list[Reason]:
    reasons = [Reason(name, value) for name, value in adds.items() if value or name == BIAS]
    reasons.sort(key=lambda reason: (-abs(reason.adds), reason.what))
    others = [reason.adds for reason in reasons[MAX_REASONS:]]
    return reasons[:MAX_REASONS] + ([Reason(OTHERS, sum(others))] if others else [])
