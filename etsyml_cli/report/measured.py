"""The figures of a workspace's model, as `etsyml evaluate` gives them."""

from __future__ import annotations

from collections.abc import Sequence

from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.photos.choose import features_of_model
from etsyml_cli.workspace.evaluate import evaluate

SEED = 0  # that of `etsyml evaluate`
TABLES = ("listings", "searches", "favorites", "impressions")


def measured(place: Workspace, kind: str, metrics: Sequence[str] = ()) -> list[Measurement]:
    """These metrics of the model of this kind, its default ones where none are named. Raises as `evaluate` does."""
    model = place.model(kind)
    [found] = evaluate(
        models={kind: model},
        inputs={name: place.table(name) for name in TABLES},
        metrics=list(metrics),
        gates=[],
        seed=SEED,
        images={kind: features_of_model(model, place.all_images())},
    )
    return found.metrics
