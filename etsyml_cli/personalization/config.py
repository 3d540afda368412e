"""Settings of the style model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config

AtLeastOne = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class LdaConfig(Config, frozen=True):
    """Settings of `train lda`; see `configs/lda.yaml`."""

    engine: str = "native"
    n_topics: AtLeastOne = 48
    passes: AtLeastOne | None = None
    alpha: Positive | None = None
    eta: Positive | None = None
    recommenders: tuple[str, ...] = ("popularity", "lda", "item-knn")
    neighbours: AtLeastOne = 200
    min_user_favorites: AtLeastOne = 1
    max_user_favorites: AtLeastOne = 2000
    min_listing_favorites: AtLeastOne = 1
    use_weights: bool = False
    half_life_days: Positive | None = None
    holdout_share: Share = 0.2
    valid_share: Share = 0.1
