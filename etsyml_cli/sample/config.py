"""How large a marketplace to draw, and how its result pages are ordered."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from etsyml_cli.core.config import Config

AtLeastOne = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]


class SampleConfig(Config, frozen=True):
    """Sizes of the marketplace. The defaults draw the one that is committed in `sample_data/`.

    `searches` and `impressions` are exact counts, by default in proportion to the users; `favorites_per_user`
    is a mean. A result page shows up to `page_size` listings.
    """

    listings: AtLeastOne = 300
    users: AtLeastOne = 400
    days: AtLeastOne = 30
    styles: AtLeastOne = 8
    searches: NotNegative | None = None  # none given: SEARCHES_PER_USER each
    page_size: AtLeastOne = 16
    pages: Literal["shuffled", "ranked"] = "shuffled"
    favorites_per_user: AtLeastOne = 30
    impressions: NotNegative | None = None  # none given: IMPRESSIONS_PER_USER each


SEARCHES_PER_USER = 5
IMPRESSIONS_PER_USER = 150


def count_searches(config: SampleConfig) -> int:
    return SEARCHES_PER_USER * config.users if config.searches is None else config.searches


def count_impressions(config: SampleConfig) -> int:
    return IMPRESSIONS_PER_USER * config.users if config.impressions is None else config.impressions
