"""Which of the declared features the tables can feed: a column must be there and hold what its role takes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from etsyml_cli.ads.config import AD, AdFeatures, AdHistory, CtrConfig
from etsyml_cli.core.config import Config
from etsyml_cli.core.errors import UsageError, did_you_mean

KNOWN_ONLY_AFTERWARDS = {"clicked", "clicks", "impressions", "converted"}

# what a column holds -> the roles that it can play
ROLES = {
    # a number may come as text
    "texts": ("categorical", "text", "crosses", "word_crosses", "numeric", "text_svd", "counts", "click_svd"),
    "lists of texts": ("text", "word_crosses", "text_svd"),
    "numbers": ("numeric", "categorical", "crosses", "counts", "click_svd"),
    "times": (),
}
PLAIN = ("categorical", "text", "numeric")  # roles of a column by itself


def resolve_columns(config: CtrConfig, available: Mapping[str, pa.DataType]) -> CtrConfig:
    """The configuration with the features whose columns are `available`.

    A list that stands as in the defaults may lose some. The ad's own history is always there: the blend needs it.

    Raises UsageError for a column that the user asked for and nothing has, for one that holds what its role cannot
    take, and for one that would give the label away.
    """
    _check_weight(config.weight, available)
    features = AdFeatures(**_kept("features", config.features, AdFeatures(), available))
    if config.history is None:
        return replace(config, features=features)
    history = AdHistory(**_kept("history", config.history, AdHistory(), available))
    counts = tuple(dict.fromkeys([AD, *history.counts]))
    return replace(config, features=features, history=replace(history, counts=counts))


def _check_weight(column: str | None, available: Mapping[str, pa.DataType]) -> None:
    if column in KNOWN_ONLY_AFTERWARDS:
        raise UsageError(f"weight: {column!r} is what is predicted or counted, so it is no weight")
    if column is not None and (column not in available or _held_by(available[column]) not in ("numbers", "texts")):
        raise UsageError(
            f"weight: no column {column!r} of numbers in the impressions table",
            hint=did_you_mean(column, available.keys() - KNOWN_ONLY_AFTERWARDS - {column}),
        )


def _kept(section: str, asked: Config, defaults: Config, available: Mapping[str, pa.DataType]) -> dict[str, Any]:
    kept = {}
    for role in asked.__struct_fields__:
        entries = getattr(asked, role)
        columns_of = {entry: entry if isinstance(entry, tuple) else (entry,) for entry in entries}
        for column in dict.fromkeys(chain(*columns_of.values())):
            _check(section, role, column, available, required=entries != getattr(defaults, role))
        kept[role] = tuple(entry for entry, columns in columns_of.items() if set(columns) <= set(available))
    return kept


def _check(section: str, role: str, column: str, available: Mapping[str, pa.DataType], *, required: bool) -> None:
    if column in KNOWN_ONLY_AFTERWARDS:
        raise UsageError(f"{section}.{role}: {column!r} is known only after the ad was shown, so it is no feature")
    if column in available:
        held = _held_by(available[column])
        if role not in ROLES[held]:
            raise UsageError(f"{section}.{role}: {column!r} holds {held}", hint=_place_for(held))
    elif required:
        raise UsageError(
            f"{section}.{role}: no column {column!r} in the impressions or the listings table",
            hint=did_you_mean(column, set(available) - KNOWN_ONLY_AFTERWARDS),
        )


def _held_by(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return "lists of texts"
    if pa.types.is_timestamp(kind):
        return "times"
    return "numbers" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "texts"


def _place_for(held: str) -> str:
    roles = [role for role in ROLES[held] if role in PLAIN]
    return f"Put it under {' or '.join(roles)}." if roles else "A time is no feature: leave it out."
