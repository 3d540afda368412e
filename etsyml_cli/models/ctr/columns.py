"""Which of the declared features the tables can feed: a column must be there and hold what its role takes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import pyarrow as pa

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.models.ctr.config import AdFeatures

KNOWN_ONLY_AFTERWARDS = {"clicked", "clicks", "impressions", "converted"}

# what a column holds -> the roles that it can play
ROLES = {
    "texts": ("categorical", "text", "crosses", "numeric"),  # a number may come as text
    "lists of texts": ("text",),
    "numbers": ("numeric", "categorical", "crosses"),
    "times": (),
}


def fed_by(features: AdFeatures, available: Mapping[str, pa.DataType]) -> AdFeatures:
    """The features whose columns are `available`; a list that stands as in the defaults may lose some.

    Raises UsageError for a column that the user asked for and nothing has, for one that holds what its role cannot
    take, and for one that would give the label away.
    """
    defaults = AdFeatures()
    kept = {}
    for role in features.__struct_fields__:
        asked = getattr(features, role)
        columns_of = {entry: entry if isinstance(entry, tuple) else (entry,) for entry in asked}
        for column in dict.fromkeys(chain(*columns_of.values())):
            _check(role, column, available, required=asked != getattr(defaults, role))
        kept[role] = tuple(entry for entry, columns in columns_of.items() if set(columns) <= set(available))
    return AdFeatures(**kept)


def _check(role: str, column: str, available: Mapping[str, pa.DataType], *, required: bool) -> None:
    if column in KNOWN_ONLY_AFTERWARDS:
        raise UsageError(f"features.{role}: {column!r} is known only after the ad was shown, so it is no feature")
    if column in available:
        held = _held_by(available[column])
        if role not in ROLES[held]:
            raise UsageError(f"features.{role}: {column!r} holds {held}", hint=_place_for(held))
    elif required:
        raise UsageError(
            f"features.{role}: no column {column!r} in the impressions or the listings table",
            hint=did_you_mean(column, set(available) - KNOWN_ONLY_AFTERWARDS),
        )


def _held_by(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return "lists of texts"
    if pa.types.is_timestamp(kind):
        return "times"
    return "numbers" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "texts"


def _place_for(held: str) -> str:
    roles = [role for role in ROLES[held] if role != "crosses"]
    return f"Put it under {' or '.join(roles)}." if roles else "A time is no feature: leave it out."
