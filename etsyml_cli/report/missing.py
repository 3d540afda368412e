"""Results of a workspace for the report, and placeholders for missing ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from etsyml_cli.core.errors import EtsymlError
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.photos.choose import features_of_model
from etsyml_cli.workspace.evaluate import evaluate

SEED = 0  # the default of `etsyml evaluate`
TABLES = ("listings", "searches", "favorites", "impressions")

Result = TypeVar("Result")


class Missing(msgspec.Struct, frozen=True, tag_field="state", tag="missing"):
    """A missing part of the report: `what` says what is missing and why, `command` creates it."""

    what: str
    command: str


def unless_missing(compute: Callable[[], Result], command: str) -> Result | Missing:
    """The result of `compute`, or a Missing with its error message and `command` if it raises an EtsymlError."""
    try:
        return compute()
    except EtsymlError as error:
        return Missing(error.message, command)


def measured(place: Workspace, kind: str, metrics: Sequence[str] = ()) -> list[Measurement]:
    """The measurements of the workspace's model of this kind; the default metrics if none are named.

    Raises EtsymlError as `evaluate` does.
    """
    model = place.model(kind)
    [evaluation] = evaluate(
        models={kind: model},
        inputs={name: place.table(name) for name in TABLES},
        metrics=list(metrics),
        gates=[],
        seed=SEED,
        images={kind: features_of_model(model, place.all_images())},
    )
    return evaluation.metrics
