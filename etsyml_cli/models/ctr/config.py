"""What can be set about `train ctr`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config

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
    alpha: Annotated[float, Meta(gt=0, le=1e6)] = 0.2
    beta: NotNegative = 1.0
    l1: NotNegative = 0.0
    l2: NotNegative = 0.0
    passes: Annotated[int, Meta(ge=1)] = 1
