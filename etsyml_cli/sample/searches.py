"""Search pages: who asked for what, what was shown where, what was clicked, put in the cart and bought."""

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
    place_in_group,
    slices,
)
from etsyml_cli.sample.world import World, grades

DECAY = 0.4
CLICK_IF_SEEN = np.array([0.02, 0.22, 0.42, 0.60])  # by grade; quality makes it 0.2 to 1.5 times as much
CART_IF_CLICKED = np.array([0.05, 0.15, 0.25, 0.35])
PURCHASE_IF_CARTED = 0.4
RANKING_NOISE = 1.0  # sigma of what is added to the grades before a page is ranked by them


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
    """Result pages through the log, in order of time."""
    pages_at_once = max(1, ROWS_AT_ONCE // world.config.page_size)
    for part in slices(count_searches(world.config), world.config.days, pages_at_once):
        yield _pages(world, part, generator(world.seed, "searches", part.first, part.start))


def attraction(world: World, grade: I64, listing: I64) -> F64:
    """The chance of a click on a listing that is looked at, shape (N,)."""
    return np.asarray(CLICK_IF_SEEN[grade] * (0.2 + 1.3 * world.listings.quality[listing]))


def _pages(world: World, part: Slice, rng: np.random.Generator) -> SearchRows:
    user = rng.integers(0, world.config.users, part.count)
    asked = choose_queries(rng, world, part.count)
    second = draw_seconds(rng, part)
    page, listing = _candidates(world, asked, part.start, rng)
    grade = grades(world, asked[page], listing)
    order = np.lexsort((_shown_first(world, grade, rng), page))
    page, listing, grade = page[order], listing[order], grade[order]
    place = place_in_group(page)
    seen = examination(world.config.page_size, DECAY)[place]
    return SearchRows(
        search=part.first + page,
        user=user[page],
        query=asked[page],
        listing=listing,
        position=place + 1,
        event=_events(rng, seen * attraction(world, grade, listing), grade),
        second=second[page],
        grade=grade,
    )


def _candidates(world: World, asked: I64, second: int, rng: np.random.Generator) -> tuple[I64, I64]:
    """Pages and their listings, sorted: half are the thing, a quarter are tagged so, the rest is anything.

    A listing drawn twice for a page is shown once, so that pages differ in length.
    """
    size = world.config.page_size
    page = np.repeat(np.arange(len(asked)), size)
    wanted = world.queries.thing[asked][page]
    by_thing = inventory_at(world, world.listings.thing, second)
    by_tags = inventory_at(world, world.listings.tagged, second)
    kind = np.tile(np.arange(size) % 4, len(asked))
    drawn = np.select(
        [kind < 2, kind == 2],
        [by_thing.take(rng, wanted), by_tags.take(rng, wanted)],
        by_thing.take_any(rng, len(page)),
    )
    listings = len(world.listings.thing)
    keys = np.unique(page * listings + drawn)
    return keys // listings, keys % listings


def _shown_first(world: World, grade: I64, rng: np.random.Generator) -> F64:
    """Sort keys within a page: small ones come first."""
    chance = rng.normal(0, RANKING_NOISE, len(grade))
    return chance if world.config.pages == "shuffled" else chance - grade


def _events(rng: np.random.Generator, click: F64, grade: I64) -> I64:
    clicked = rng.random(len(click)) < click
    carted = clicked & (rng.random(len(click)) < CART_IF_CLICKED[grade])
    bought = carted & (rng.random(len(click)) < PURCHASE_IF_CARTED)
    return clicked.astype(np.int64) + carted + bought
