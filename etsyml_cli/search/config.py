"""Settings of the search ranker."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from etsyml_cli.core.config import Config
from etsyml_cli.text.language import Plurals

Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]


class TextConfig(Config, frozen=True):
    """d_T: which terms of title and tags are features, and their weights before a listing is scaled to length 1."""

    ngrams: Annotated[int, Meta(ge=1, le=3)] = 2  # lengths of n-grams, in words
    weighting: Literal["binary", "counts", "tf-idf"] = "binary"
    min_count: Annotated[int, Meta(ge=1)] = 2  # a term is a feature if at least this many listings contain it
    hash_bits: Annotated[int, Meta(ge=10, le=24)] | None = None  # none: a vocabulary of terms
    plurals: Plurals = "auto"  # a trained model has the decision


class LtrConfig(Config, frozen=True):
    """Settings of `train ltr`; `l2` is the grid on which validation pages choose one for each block of features."""

    shape: Literal["query", "per-query", "global"] = "query"
    min_query_pages: Annotated[int, Meta(ge=1)] = (
        50  # minimum number of training pages for a query to get separate weights in per-query
    )
    text: TextConfig = TextConfig()
    indicators: tuple[Literal["listing_id", "shop_id"], ...] = ()  # those that are also terms of a listing
    cross_bits: Annotated[int, Meta(ge=10, le=24)] = 22  # 2**cross_bits slots for query word × listing word
    photo_dim: Annotated[int, Meta(ge=1, le=512)] = 64  # of the photo features that are crossed with query words
    pairs: Literal["all", "adjacent", "skip-above"] = "all"
    debias: Literal["none", "position"] = "none"
    loss: Literal["logistic", "hinge"] = "logistic"
    l1: Annotated[float, Meta(ge=0)] = 0.0
    l2: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
    solver: Literal["lbfgs", "descent"] = "lbfgs"
    max_iterations: Annotated[int, Meta(ge=1)] = 100  # of L-BFGS, per fit
    passes: Annotated[int, Meta(ge=1)] = 10  # of descent over the pages, per fit
    controls: Annotated[int, Meta(ge=0, le=20)] = 5  # number of rankers trained on photos shuffled among listings
    split: Literal["time", "query", "seller"] = "time"
    test_share: Share = 0.2  # of the log's days, of its queries or of the sellers
    valid_share: Share = 0.1  # of the same, before the test set
