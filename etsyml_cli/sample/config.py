"""How large a marketplace to draw, and how its result pages are ordered."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from etsyml_cli.core.config import Config

UpToAThousand = Annotated[int, Meta(ge=1, le=1_000)]
Rows = Annotated[int, Meta(ge=0, le=10_000_000_000)]


class SampleConfig(Config, frozen=True):
    """Sizes of the marketplace. The defaults draw the one that is committed in `sample_data/`.

    `searches` and `impressions` are exact counts, by default in proportion to the users; `favorites_per_user`
    is a mean, and who would favorite more than there is favorites less. A result page shows up to `page_size` listings.
    Memory grows with the listings (times the styles) and with `favorites_per_user`, not with users, days and rows.
    """

    listings: Annotated[int, Meta(ge=1, le=10_000_000)] = 300
    users: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 400
    days: Annotated[int, Meta(ge=1, le=3_650)] = 30
    styles: UpToAThousand = 8
    searches: Rows | None = None  # none given: SEARCHES_PER_USER each
    page_size: UpToAThousand = 16
    pages: Literal["shuffled", "ranked"] = "shuffled"
    favorites_per_user: UpToAThousand = 30
    impressions: Rows | None = None  # none given: IMPRESSIONS_PER_USER each


SEARCHES_PER_USER = 5
IMPRESSIONS_PER_USER = 150


def count_searches(config: SampleConfig) -> int:
    return SEARCHES_PER_USER * config.users if config.searches is None else config.searches


def count_impressions(config: SampleConfig) -> int:
    return IMPRESSIONS_PER_USER * config.users if config.impressions is None else config.impressions
