"""Draw search result pages: users, queries, listings, positions and events (click, cart, purchase)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.config import count_searches
from etsyml_cli.sample.slices import (
    ROWS_AT_ONCE,
    Slice,
    choose_queries,
    draw_seconds,
    examination,
    inventory_at,
    rank_in_group,
    slices,
)
from etsyml_cli.sample.world import World, grades

DECAY = 0.4
CLICK_IF_SEEN = np.array([0.02, 0.22, 0.42, 0.60])  # by grade; multiplied by 0.2 to 1.5, depending on quality
CART_IF_CLICKED = np.array([0.05, 0.15, 0.25, 0.35])
PURCHASE_IF_CARTED = 0.4
RANKING_NOISE = 1.0  # sigma of the noise that is added to the grades before ranking


@dataclass(frozen=True)
class SearchRows:
    """Result pages, one entry per listing shown, shape (N,); `event` indexes io.schema.EVENTS."""

    search: I64
    user: I64
    query: I64
    listing: I64
    position: I64
    event: I64
    second: I64
    grade: I64


def draw_searches(world: World) -> Iterator[SearchRows]:
    """Draw the result pages of the log in order of time."""
    pages_at_once = max(1, ROWS_AT_ONCE // world.config.page_size)
    for part in slices(count_searches(world.config), world.config.days, pages_at_once):
        yield _draw_pages(world, part, generator(world.seed, "searches", part.first, part.start))


def attraction(world: World, grade: I64, listing: I64) -> F64:
    """The click probability of examined listings, shape (N,)."""
    return np.asarray(CLICK_IF_SEEN[grade] * (0.2 + 1.3 * world.listings.quality[listing]))


def _draw_pages(world: World, part: Slice, rng: np.random.Generator) -> SearchRows:
    user = rng.integers(0, world.config.users, part.count)
    query = choose_queries(rng, world, part.count)
    second = draw_seconds(rng, part)
    page, listing = _candidates(world, query, part.start, rng)
    grade = grades(world, query[page], listing)
    order = np.lexsort((_sort_key(world, grade, rng), page))
    page, listing, grade = page[order], listing[order], grade[order]
    rank = rank_in_group(page)
    examined = examination(world.config.page_size, DECAY)[rank]
    return SearchRows(
        search=part.first + page,
        user=user[page],
        query=query[page],
        listing=listing,
        position=rank + 1,
        event=_events(rng, examined * attraction(world, grade, listing), grade),
        second=second[page],
        grade=grade,
    )


def _candidates(world: World, query: I64, second: int, rng: np.random.Generator) -> tuple[I64, I64]:
    """Pages and their listings, sorted: half are of the queried thing, a quarter are tagged as it, the rest are random.

    A listing that is drawn twice for a page is shown once, so that pages differ in length.
    """
    size = world.config.page_size
    page = np.repeat(np.arange(len(query)), size)
    thing = world.queries.thing[query][page]
    by_thing = inventory_at(world, world.listings.thing, second)
    by_tags = inventory_at(world, world.listings.tagged, second)
    kind = np.tile(np.arange(size) % 4, len(query))
    drawn = np.select(
        [kind < 2, kind == 2],
        [by_thing.take(rng, thing), by_tags.take(rng, thing)],
        by_thing.take_any(rng, len(page)),
    )
    listings = len(world.listings.thing)
    keys = np.unique(page * listings + drawn)
    return keys // listings, keys % listings


def _sort_key(world: World, grade: I64, rng: np.random.Generator) -> F64:
    """Sort keys within a page, ascending."""
    noise = rng.normal(0, RANKING_NOISE, len(grade))
    return noise if world.config.pages == "shuffled" else noise - grade


def _events(rng: np.random.Generator, click: F64, grade: I64) -> I64:
    clicked = rng.random(len(click)) < click
    carted = clicked & (rng.random(len(click)) < CART_IF_CLICKED[grade])
    bought = carted & (rng.random(len(click)) < PURCHASE_IF_CARTED)
    return clicked.astype(np.int64) + carted + bought
