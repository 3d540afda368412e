"""What can be set about `train ctr`, and which of the declared features a log can feed."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config
from etsyml_cli.core.errors import UsageError, did_you_mean

KNOWN_ONLY_AFTERWARDS = {"clicked", "clicks", "impressions", "converted"}

NotNegative = Annotated[float, Meta(ge=0)]
Cross = Annotated[tuple[str, ...], Meta(min_length=2)]


class AdFeatures(Config, frozen=True):
    """Columns of the impressions or the listings table, by what is made of them."""

    categorical: tuple[str, ...] = ("listing_id", "shop_id", "position")
    text: tuple[str, ...] = ("query", "title", "tags")  # one feature a word
    crosses: tuple[Cross, ...] = (("query", "listing_id"),)  # one feature for each combination of values
    numeric: tuple[str, ...] = ("price",)  # one feature for each bucket of the logarithm

    def columns(self) -> list[str]:
        """Every column that is used, once, in the order of its first use."""
        crossed = [column for cross in self.crosses for column in cross]
        return list(dict.fromkeys([*self.categorical, *self.text, *crossed, *self.numeric]))


class CtrConfig(Config, frozen=True):
    """Features, hashed into 2**bits slots, and the constants of Algorithm 1: a slot's rate is alpha / (beta + √n)."""

    features: AdFeatures = AdFeatures()
    bits: Annotated[int, Meta(ge=8, le=28)] = 22
    alpha: Annotated[float, Meta(gt=0)] = 0.2
    beta: NotNegative = 1.0
    l1: NotNegative = 0.0
    l2: NotNegative = 0.0
    passes: Annotated[int, Meta(ge=1)] = 1


def fed_by(features: AdFeatures, available: Collection[str]) -> AdFeatures:
    """The features whose columns are `available`; a list that stands as in the defaults may lose some.

    Raises UsageError for a column that the user asked for and nothing has, and for one that would give the label away.
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


def _check(role: str, column: str, available: Collection[str], *, required: bool) -> None:
    if column in KNOWN_ONLY_AFTERWARDS:
        raise UsageError(f"features.{role}: {column!r} is known only after the ad was shown, so it is no feature")
    if required and column not in available:
        raise UsageError(
            f"features.{role}: no column {column!r} in the impressions or the listings table",
            hint=did_you_mean(column, set(available) - KNOWN_ONLY_AFTERWARDS),
        )
