"""Shared by the three logs: time slices, listings on sale, examination probabilities.

Each slice has its own random generator, so that memory is constant and slices can be drawn independently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etsyml_cli.core.days import SECONDS_PER_DAY
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.words import THINGS
from etsyml_cli.sample.world import NO_VALUE, World

ROWS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Slice:
    """A part of one day, in seconds since the start of the log, with the index of its first entry and their count."""

    first: int
    count: int
    start: int
    stop: int


def slices(total: int, days: int, at_most: int) -> Iterator[Slice]:
    """Spread `total` entries evenly over the days, and split each day into slices of at most `at_most` entries."""
    per_day = max(1, -(-total // (days * at_most)))
    parts = days * per_day
    for i in range(parts):
        first, after = i * total // parts, (i + 1) * total // parts
        yield Slice(first, after - first, i * SECONDS_PER_DAY // per_day, (i + 1) * SECONDS_PER_DAY // per_day)


def draw_seconds(rng: np.random.Generator, part: Slice) -> I64:
    after = max(part.stop, part.start + 1)  # a slice of a very busy day may be shorter than a second
    return np.sort(rng.integers(part.start, after, part.count))


def examination(positions: int, decay: float) -> F64:
    """Examination probability of positions 1, 2, … `positions`: 1 / position^decay."""
    return np.asarray(1 / np.arange(1, positions + 1) ** decay)


def rank_in_group(group: I64) -> I64:
    """0, 1, 2 … within each group of equal values of the sorted `group`, shape (N,)."""
    return np.arange(len(group)) - np.searchsorted(group, group, side="left")


def choose_queries(rng: np.random.Generator, world: World, n: int) -> I64:
    """Draw n query indices; half of them name only a thing, half also a color or a material."""
    queries = world.queries
    thing_only = (queries.color == NO_VALUE) & (queries.material == NO_VALUE)
    weight = np.where(thing_only, 1 / thing_only.sum(), 1 / (~thing_only).sum())
    return np.asarray(rng.choice(len(weight), n, p=weight / weight.sum()))


@dataclass(frozen=True)
class Inventory:
    """Listings on sale, sorted by a thing (their own or the tagged one)."""

    listing: I64
    start: I64  # (things + 1,): listings of thing t are listing[start[t]:start[t + 1]]

    def take(self, rng: np.random.Generator, thing: I64) -> I64:
        """A random listing of each thing, shape (N,); of any thing if there is none."""
        start, count = self.start[thing], self.start[thing + 1] - self.start[thing]
        is_empty = count == 0
        start, count = np.where(is_empty, 0, start), np.where(is_empty, len(self.listing), count)
        return self.listing[start + (rng.random(len(thing)) * count).astype(np.int64)]

    def take_any(self, rng: np.random.Generator, n: int) -> I64:
        return self.listing[rng.integers(0, len(self.listing), n)]


def inventory_at(world: World, thing: I64, second: int) -> Inventory:
    """The listings created by `second`, sorted by `thing`, shape (I,), which may be NO_VALUE."""
    on_sale = np.flatnonzero(world.listings.created <= second)
    listing = on_sale[np.argsort(thing[on_sale].astype(np.int8), kind="stable")]  # int8: a radix sort, which is fast
    return Inventory(listing, np.searchsorted(thing[listing], np.arange(len(THINGS) + 1)))
