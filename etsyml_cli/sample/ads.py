"""Draw ad impressions and clicks; the true click probability depends on position, quality, query, price and shop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.config import count_impressions
from etsyml_cli.sample.slices import (
    ROWS_AT_ONCE,
    Slice,
    choose_queries,
    draw_seconds,
    examination,
    inventory_at,
    slices,
)
from etsyml_cli.sample.world import World

POSITIONS = 8
DECAY = 0.8
INTERCEPT = -3.2  # log-odds of a click on an examined ad
QUALITY_EFFECT = 3.0  # from the worst photo to the best
MATCH_EFFECT = 1.0  # of an ad for the thing in the query
PRICE_EFFECT = -0.8  # per unit of log price over the thing's usual price
CONVERSION_RATE = 0.06
BID_DOLLARS, BID_SPREAD = 0.3, 0.4


@dataclass(frozen=True)
class AdRows:
    """Ad impressions, each array of shape (N,); `probability` is the true click probability."""

    impression: I64
    user: I64
    query: I64
    listing: I64
    position: I64
    bid: F64
    clicked: NDArray[np.bool_]
    converted: NDArray[np.bool_]
    second: I64
    probability: F64


def draw_impressions(world: World) -> Iterator[AdRows]:
    """Draw the ad impressions of the log in order of time; all listings on sale are advertised."""
    for part in slices(count_impressions(world.config), world.config.days, ROWS_AT_ONCE):
        yield _draw_ads(world, part, generator(world.seed, "impressions", part.first, part.start))


def click_probability(world: World, query: I64, listing: I64, position: I64) -> F64:
    """Click probability: examination x attraction (position-based model; Craswell et al., WSDM'08), shape (N,)."""
    listings = world.listings
    matches = world.queries.thing[query] == listings.thing[listing]
    log_odds = INTERCEPT + QUALITY_EFFECT * (listings.quality[listing] - 0.5) + MATCH_EFFECT * matches
    log_odds += PRICE_EFFECT * listings.log_price_ratio[listing] + world.shop_effect[listings.shop[listing]]
    return np.asarray(examination(POSITIONS, DECAY)[position - 1] / (1 + np.exp(-log_odds)))


def _draw_ads(world: World, part: Slice, rng: np.random.Generator) -> AdRows:
    n = part.count
    query = choose_queries(rng, world, n)
    listing = _candidates(world, query, part.start, rng)
    position = rng.integers(1, POSITIONS + 1, n)
    probability = click_probability(world, query, listing, position)
    clicked = rng.random(n) < probability
    return AdRows(
        impression=part.first + np.arange(n),
        user=rng.integers(0, world.config.users, n),
        query=query,
        listing=listing,
        position=position,
        bid=np.round(BID_DOLLARS * rng.lognormal(0, BID_SPREAD, n), 2),
        clicked=clicked,
        converted=clicked & (rng.random(n) < CONVERSION_RATE),
        second=draw_seconds(rng, part),
        probability=probability,
    )


def _candidates(world: World, query: I64, second: int, rng: np.random.Generator) -> I64:
    """Half of the ads are for the thing in the query, the others for any thing."""
    inventory = inventory_at(world, world.listings.thing, second)
    matching = inventory.take(rng, world.queries.thing[query])
    return np.where(rng.random(len(query)) < 0.5, matching, inventory.take_any(rng, len(query)))
