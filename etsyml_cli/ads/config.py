"""The settings of `train ctr`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config
from etsyml_cli.text.language import Plurals, tokenizer_for
from etsyml_cli.text.tokenize import Tokenizer

NotNegative = Annotated[float, Meta(ge=0)]
Cross = Annotated[tuple[str, ...], Meta(min_length=2)]
Pair = Annotated[tuple[str, ...], Meta(min_length=2, max_length=2)]
Counted = Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
AD = ("listing_id",)  # the ensemble weights models by the amount of history of the ad


class AdFeatures(Config, frozen=True):
    """Features of the content model: columns of the impressions or listings table, by kind of feature."""

    categorical: tuple[str, ...] = ("position",)
    text: tuple[str, ...] = ("query", "title", "tags")  # one feature per word
    crosses: tuple[Cross, ...] = ()  # one feature per combination of values
    word_crosses: tuple[Pair, ...] = (("query", "title"),)  # one feature per pair of words
    numeric: tuple[str, ...] = ("price",)  # one feature per bin of the logarithm
    text_svd: tuple[str, ...] = ()  # of listings, such as title: words reduced to `svd_dim` numbers

    def columns(self) -> list[str]:
        """All columns that are used, without duplicates, in order of first use."""
        crossed = [column for cross in [*self.crosses, *self.word_crosses] for column in cross]
        return list(dict.fromkeys([*self.categorical, *self.text, *crossed, *self.numeric, *self.text_svd]))


class AdHistory(Config, frozen=True):
    """Features of the historical model: ids, and counts of earlier days per value of one or two columns."""

    categorical: tuple[str, ...] = ("listing_id", "shop_id", "query", "position")
    counts: tuple[Counted, ...] = (AD, ("shop_id",), ("query",), ("user_id",), ("listing_id", "query"))
    click_svd: tuple[Pair, ...] = ()  # such as listing_id, query: their click matrix reduced to `svd_dim` numbers

    def columns(self) -> list[str]:
        """All columns that are used, without duplicates, in order of first use."""
        counted = [column for columns in [*self.counts, *self.click_svd] for column in columns]
        return list(dict.fromkeys([*self.categorical, *counted]))


class CtrConfig(Config, frozen=True):
    """Features, hashed into 2**bits slots, and constants of Algorithm 1: a slot has learning rate alpha / (beta + √n).

    `features` are those of the content model, `history` those of the historical model, which counts over all earlier
    days and over the last `days`; if it is None, there is only the content model. An ad with fewer than `cold` earlier
    impressions is cold. Photos are reduced to `photo_dim` numbers, 0 for none. Scores are computed for `position`, or
    for each row's own position if it is None.
    """

    features: AdFeatures = AdFeatures()
    history: AdHistory | None = AdHistory()
    plurals: Plurals = "auto"  # a trained model has the decision
    days: Annotated[int, Meta(ge=1)] = 7
    cold: Annotated[int, Meta(ge=1)] = 50
    photo_dim: Annotated[int, Meta(ge=0)] = 64
    svd_dim: Annotated[int, Meta(ge=1)] = 16
    position: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = 1
    negatives: Annotated[float, Meta(ge=1e-6, le=1)] = 1.0  # sampling rate of impressions without a click
    weight: str | None = None  # column of row weights in training
    bits: Annotated[int, Meta(ge=8, le=28)] = 22
    alpha: Annotated[float, Meta(gt=0, le=1e6)] = 0.1
    beta: NotNegative = 1.0
    l1: NotNegative = 0.0
    l2: NotNegative = 0.0
    passes: Annotated[int, Meta(ge=1)] = 1

    def columns(self) -> list[str]:
        """All columns that the models use, without duplicates."""
        return list(dict.fromkeys([*self.features.columns(), *(self.history.columns() if self.history else [])]))

    @property
    def tokenize(self) -> Tokenizer:
        """The tokenizer of a trained model's texts."""
        return tokenizer_for(self.plurals)
