"""Match the features of a configuration with the columns of the tables and their types."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from etsyml_cli.ads.config import AD, AdFeatures, AdHistory, CtrConfig
from etsyml_cli.ads.features.derived.column import requirements_of
from etsyml_cli.core.config import Config
from etsyml_cli.core.errors import UsageError, did_you_mean

KNOWN_ONLY_AFTERWARDS = {"clicked", "clicks", "impressions", "converted"}

# type of values -> the roles that a column of these can have
ROLES = {
    # numbers may be stored as text
    "texts": ("categorical", "text", "crosses", "word_crosses", "numeric", "text_svd", "counts", "click_svd"),
    "lists of texts": ("text", "word_crosses", "text_svd"),
    "numbers": ("numeric", "categorical", "crosses", "counts", "click_svd"),
    "times": (),
}
PLAIN = ("categorical", "text", "numeric")  # roles of a single column


def resolve_columns(config: CtrConfig, available: Mapping[str, pa.DataType]) -> CtrConfig:
    """The configuration with the features whose columns are `available`.

    Missing columns are dropped from lists that equal the defaults. The history of the ad is always included, because
    the ensemble needs it.

    Raises UsageError if a list that the user has set names a missing column, if the type of a column does not fit its
    role, and if a column would reveal the label.
    """
    features = AdFeatures(**_kept("features", config.features, AdFeatures(), available))
    if config.history is None:
        return replace(config, features=features)
    history = AdHistory(**_kept("history", config.history, AdHistory(), available))
    counts = tuple(dict.fromkeys([AD, *history.counts]))
    return replace(config, features=features, history=replace(history, counts=counts))


def check_weight(column: str | None, log_columns: Mapping[str, pa.DataType]) -> None:
    """Check the column of row weights. Raises UsageError if the log has no such column of numbers."""
    if column in KNOWN_ONLY_AFTERWARDS:
        raise UsageError(f"weight: {column!r} is a label or a count, and cannot be a weight")
    if column is not None and (
        column not in log_columns or _values_of(log_columns[column]) not in ("numbers", "texts")
    ):
        raise UsageError(
            f"weight: no numeric column {column!r} in the log",
            hint=did_you_mean(column, log_columns.keys() - KNOWN_ONLY_AFTERWARDS - {column}),
        )


def _kept(section: str, configured: Config, defaults: Config, available: Mapping[str, pa.DataType]) -> dict[str, Any]:
    kept = {}
    for role in configured.__struct_fields__:
        entries = getattr(configured, role)
        columns_of = {entry: entry if isinstance(entry, tuple) else (entry,) for entry in entries}
        for column in dict.fromkeys(chain(*columns_of.values())):
            _check(section, role, column, available, required=entries != getattr(defaults, role))
        kept[role] = tuple(entry for entry, columns in columns_of.items() if set(columns) <= set(available))
    return kept


def _check(section: str, role: str, column: str, available: Mapping[str, pa.DataType], *, required: bool) -> None:
    if column in KNOWN_ONLY_AFTERWARDS:
        raise UsageError(f"{section}.{role}: {column!r} is known only after the impression, and cannot be a feature")
    if column in available:
        values = _values_of(available[column])
        if role not in ROLES[values]:
            raise UsageError(f"{section}.{role}: {column!r} has {values}", hint=_role_hint(values))
    elif required:
        raise UsageError(
            f"{section}.{role}: no column {column!r} in the impressions or the listings table",
            hint=requirements_of(column) or did_you_mean(column, set(available) - KNOWN_ONLY_AFTERWARDS),
        )


def _values_of(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return "lists of texts"
    if pa.types.is_timestamp(kind):
        return "times"
    return "numbers" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "texts"


def _role_hint(values: str) -> str:
    roles = [role for role in ROLES[values] if role in PLAIN]
    return f"Put it under {' or '.join(roles)}." if roles else "A time cannot be a feature: leave it out."
