"""Configuration of the synthetic marketplace."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from etsyml_cli.core.config import Config

UpToAThousand = Annotated[int, Meta(ge=1, le=1_000)]
Rows = Annotated[int, Meta(ge=0, le=10_000_000_000)]


class SampleConfig(Config, frozen=True):
    """Sizes of the marketplace. The defaults give the marketplace in `sample_data/`.

    `searches` and `impressions` are exact counts, by default proportional to the number of users.
    `favorites_per_user` is a mean, limited by the number of listings. A result page has up to `page_size` listings.
    Memory grows with the listings (times the styles) and with `favorites_per_user`, not with users, days and rows.
    """

    listings: Annotated[int, Meta(ge=1, le=10_000_000)] = 300
    users: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 400
    days: Annotated[int, Meta(ge=1, le=3_650)] = 30
    styles: UpToAThousand = 8
    searches: Rows | None = None  # None: SEARCHES_PER_USER per user
    page_size: UpToAThousand = 16
    pages: Literal["shuffled", "ranked"] = "shuffled"
    favorites_per_user: UpToAThousand = 30
    impressions: Rows | None = None  # None: IMPRESSIONS_PER_USER per user


SEARCHES_PER_USER = 5
IMPRESSIONS_PER_USER = 150


def count_searches(config: SampleConfig) -> int:
    return SEARCHES_PER_USER * config.users if config.searches is None else config.searches


def count_impressions(config: SampleConfig) -> int:
    return IMPRESSIONS_PER_USER * config.users if config.impressions is None else config.impressions
