"""Ad impressions with a planted chance of a click: position, quality, fit to the query, price and shop."""

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

PLACES = 8
DECAY = 0.8
INTERCEPT = -3.2  # of the log-odds of a click on an ad that is looked at
QUALITY = 3.0  # from the worst photo to the best
RIGHT_THING = 1.0
DEAR = -0.8  # for each unit of log price over the thing's usual price
CONVERSION = 0.06
BID_DOLLARS, BID_SPREAD = 0.3, 0.4


@dataclass(frozen=True)
class AdRows:
    """Ads shown, shape (N,); `probability` is the planted chance of the click."""

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
    """Ads through the log, in order of time; every listing on sale is advertised."""
    for part in slices(count_impressions(world.config), world.config.days, ROWS_AT_ONCE):
        yield _ads(world, part, generator(world.seed, "impressions", part.first, part.start))


def click_probability(world: World, query: I64, listing: I64, position: I64) -> F64:
    """Examination x attraction (the position-based model; Craswell et al., WSDM'08), shape (N,)."""
    listings = world.listings
    right_thing = world.queries.thing[query] == listings.thing[listing]
    log_odds = INTERCEPT + QUALITY * (listings.quality[listing] - 0.5) + RIGHT_THING * right_thing
    log_odds += DEAR * listings.dearness[listing] + world.shop_pull[listings.shop[listing]]
    return np.asarray(examination(PLACES, DECAY)[position - 1] / (1 + np.exp(-log_odds)))


def _ads(world: World, part: Slice, rng: np.random.Generator) -> AdRows:
    n = part.count
    query = choose_queries(rng, world, n)
    listing = _candidates(world, query, part.start, rng)
    position = rng.integers(1, PLACES + 1, n)
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
        converted=clicked & (rng.random(n) < CONVERSION),
        second=draw_seconds(rng, part),
        probability=probability,
    )


def _candidates(world: World, query: I64, second: int, rng: np.random.Generator) -> I64:
    """Half of the ads are for the thing that was asked for, the others for anything."""
    inventory = inventory_at(world, world.listings.thing, second)
    right_thing = inventory.take(rng, world.queries.thing[query])
    return np.where(rng.random(len(query)) < 0.5, right_thing, inventory.take_any(rng, len(query)))
