"""What can be set about the search ranker."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from etsyml_cli.core.config import Config

Share = Annotated[float, Meta(gt=0, lt=1)]


class LtrConfig(Config, frozen=True):
    """Settings of `train ltr`; `l2` is the list that the validation pages choose from, for each block of features."""

    min_count: Annotated[int, Meta(ge=1)] = 2  # a word is a feature if at least so many listings hold it
    l2: Annotated[tuple[Annotated[float, Meta(gt=0)], ...], Meta(min_length=1)] = (1e-2, 1e-3, 1e-4)
    max_iterations: Annotated[int, Meta(ge=1)] = 100
    test_share: Share = 0.2  # of the log's days
    valid_share: Share = 0.1  # of the log's days, those before the test
