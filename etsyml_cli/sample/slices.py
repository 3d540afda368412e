"""What the three logs share: the slices of time they are drawn in, the listings on sale, who looks how far.

Each slice has a generator of its own, so that memory stays flat and any slice can be drawn without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.words import THINGS
from etsyml_cli.sample.world import DAY_S, NOTHING, World

ROWS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Slice:
    """A stretch of one day, in seconds since the log began, with the number of its first entry and their count."""

    first: int
    count: int
    start: int
    stop: int


def slices(total: int, days: int, at_most: int) -> Iterator[Slice]:
    """`total` entries spread evenly over the days, each day cut into slices of at most `at_most` entries."""
    a_day = max(1, -(-total // (days * at_most)))
    parts = days * a_day
    for i in range(parts):
        first, after = i * total // parts, (i + 1) * total // parts
        yield Slice(first, after - first, i * DAY_S // a_day, (i + 1) * DAY_S // a_day)


def draw_seconds(rng: np.random.Generator, part: Slice) -> I64:
    after = max(part.stop, part.start + 1)  # on a very busy day a slice may be shorter than a second
    return np.sort(rng.integers(part.start, after, part.count))


def examination(places: int, decay: float) -> F64:
    """The chance that a shopper looks at position 1, 2, … `places`: 1 / position^decay."""
    return np.asarray(1 / np.arange(1, places + 1) ** decay)


def place_in_group(group: I64) -> I64:
    """0, 1, 2 … within each run of equal values of the sorted `group`, shape (N,)."""
    return np.arange(len(group)) - np.searchsorted(group, group, side="left")


def choose_queries(rng: np.random.Generator, world: World, n: int) -> I64:
    """Queries by index: the bare things are asked for as often as all that is said more precisely."""
    asked = world.queries
    bare = (asked.color == NOTHING) & (asked.material == NOTHING)
    weight = np.where(bare, 1 / bare.sum(), 1 / (~bare).sum())
    return np.asarray(rng.choice(len(weight), n, p=weight / weight.sum()))


@dataclass(frozen=True)
class Inventory:
    """Listings on sale, sorted by a thing (their own, or the one that they claim to be)."""

    listing: I64
    start: I64  # (things + 1,): where each thing's listings begin; the last entry is their end

    def take(self, rng: np.random.Generator, thing: I64) -> I64:
        """A random listing for each wanted thing, shape (N,); any listing where none is of that thing."""
        start, count = self.start[thing], self.start[thing + 1] - self.start[thing]
        nothing_there = count == 0
        start, count = np.where(nothing_there, 0, start), np.where(nothing_there, len(self.listing), count)
        return self.listing[start + (rng.random(len(thing)) * count).astype(np.int64)]

    def take_any(self, rng: np.random.Generator, n: int) -> I64:
        return self.listing[rng.integers(0, len(self.listing), n)]


def inventory_at(world: World, thing: I64, second: int) -> Inventory:
    """The listings born by `second`, by their `thing`, shape (I,), which may be NOTHING."""
    on_sale = np.flatnonzero(world.listings.born <= second)
    listing = on_sale[np.argsort(thing[on_sale].astype(np.int8), kind="stable")]  # a radix sort: a shelf costs little
    return Inventory(listing, np.searchsorted(thing[listing], np.arange(len(THINGS) + 1)))
