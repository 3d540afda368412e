"""What a person can choose about the style model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config

AtLeastOne = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class LdaConfig(Config, frozen=True):
    """Settings of `train lda`; `configs/lda.yaml` says what each does."""

    engine: str = "gensim"
    n_topics: AtLeastOne = 48
    passes: AtLeastOne = 15
    alpha: Positive = 0.1
    eta: Positive = 0.3
    min_user_favorites: AtLeastOne = 1
    min_listing_favorites: AtLeastOne = 1
    use_weights: bool = False
    holdout_share: Share = 0.2
