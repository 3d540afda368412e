"""What can be set about `train ctr`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config

NotNegative = Annotated[float, Meta(ge=0)]
Cross = Annotated[tuple[str, ...], Meta(min_length=2)]
Pair = Annotated[tuple[str, ...], Meta(min_length=2, max_length=2)]
Counted = Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
AD = ("listing_id",)  # whose history tells how much the blend can trust the historical model


class AdFeatures(Config, frozen=True):
    """What an ad is: columns of the impressions or the listings table, by what is made of them."""

    categorical: tuple[str, ...] = ("position",)
    text: tuple[str, ...] = ("query", "title", "tags")  # one feature a word
    crosses: tuple[Cross, ...] = ()  # one feature for each combination of values
    word_crosses: tuple[Pair, ...] = (("query", "title"),)  # one for each pair of a word and a word
    numeric: tuple[str, ...] = ("price",)  # one feature for each bucket of the logarithm
    text_svd: tuple[str, ...] = ()  # of listings, as in title: their words reduced to `svd_dim` numbers

    def columns(self) -> list[str]:
        """Every column that is used, once, in the order of its first use."""
        crossed = [column for cross in [*self.crosses, *self.word_crosses] for column in cross]
        return list(dict.fromkeys([*self.categorical, *self.text, *crossed, *self.numeric, *self.text_svd]))


class AdHistory(Config, frozen=True):
    """What became of an ad: ids, and what was counted on earlier days by one or two columns together."""

    categorical: tuple[str, ...] = ("listing_id", "shop_id", "query", "position")
    counts: tuple[Counted, ...] = (AD, ("shop_id",), ("query",), ("user_id",), ("listing_id", "query"))
    click_svd: tuple[Pair, ...] = ()  # as in listing_id, query: their click matrix reduced to `svd_dim` numbers

    def columns(self) -> list[str]:
        """Every column that is used, once, in the order of its first use."""
        counted = [column for columns in [*self.counts, *self.click_svd] for column in columns]
        return list(dict.fromkeys([*self.categorical, *counted]))


class CtrConfig(Config, frozen=True):
    """Features, hashed into 2**bits slots, and the constants of Algorithm 1: a slot's rate is alpha / (beta + √n).

    `features` are those of the content model, `history` those of the historical one, which counts over the whole past
    and over the last `days`; with None the content model stands alone. An ad is cold that was shown fewer than `cold`
    times before. Photos are reduced to `photo_dim` numbers, 0 for none. `position` is the one that scores are made for,
    None for each row's own.
    """

    features: AdFeatures = AdFeatures()
    history: AdHistory | None = AdHistory()
    days: Annotated[int, Meta(ge=1)] = 7
    cold: Annotated[int, Meta(ge=1)] = 50
    photo_dim: Annotated[int, Meta(ge=0)] = 64
    svd_dim: Annotated[int, Meta(ge=1)] = 16
    position: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = 1
    negatives: Annotated[float, Meta(ge=1e-6, le=1)] = 1.0  # share of the impressions without a click that is learned
    weight: str | None = None  # a column that says how much a row counts in training
    bits: Annotated[int, Meta(ge=8, le=28)] = 22
    alpha: Annotated[float, Meta(gt=0, le=1e6)] = 0.1
    beta: NotNegative = 1.0
    l1: NotNegative = 0.0
    l2: NotNegative = 0.0
    passes: Annotated[int, Meta(ge=1)] = 1

    def columns(self) -> list[str]:
        """Every column that either model uses, once."""
        return list(dict.fromkeys([*self.features.columns(), *(self.history.columns() if self.history else [])]))
