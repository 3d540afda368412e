"""Favorites, drawn by the generative process that the talk gives for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.slices import place_in_group
from etsyml_cli.sample.world import DAY_S, World

USERS_AT_ONCE = 1 << 12
ALPHA = 0.15  # of the Dirichlet behind a user's styles: most people have one or two
FEWEST = 5
SPREAD = 4.0  # shape of the gamma behind the number of favorites
TRIES = 3  # draws for each favorite wanted, as repeated ones do not count


@dataclass(frozen=True)
class Favorites:
    """Favorites of a batch of users, shape (N,), with theta, shape (U, K), of the users from `first_user` on."""

    first_user: int
    theta: F64
    user: I64
    listing: I64
    second: I64


def draw_favorites(world: World) -> Iterator[Favorites]:
    """All users' favorites in batches of users."""
    edges = np.cumsum(world.beta, axis=1)
    for first in range(0, world.config.users, USERS_AT_ONCE):
        users = min(USERS_AT_ONCE, world.config.users - first)
        yield _batch(world, edges, first, users, generator(world.seed, "favorites", first))


def _batch(world: World, edges: F64, first: int, users: int, rng: np.random.Generator) -> Favorites:
    """LDA (Blei et al., 2003; Hu et al., KDD'14): θ ~ Dirichlet(α); for each favorite z ~ Mult(θ), x ~ Mult(β_z)."""
    theta = np.asarray(rng.dirichlet(np.full(world.config.styles, ALPHA), users))
    mean = world.config.favorites_per_user
    wanted = np.maximum(FEWEST, rng.poisson(rng.gamma(SPREAD, mean / SPREAD, users)))
    user = np.repeat(np.arange(users), TRIES * wanted)
    x = _listings_of(_styles_of(user, theta, rng), edges, rng)
    new = _first_times(user * len(world.listings.thing) + x)
    new = new[place_in_group(user[new]) < wanted[user[new]]]
    born = np.maximum(world.listings.born[x[new]], 0)
    second = rng.integers(born, world.config.days * DAY_S)
    return Favorites(first, theta, first + user[new], x[new], second)


def _styles_of(user: I64, theta: F64, rng: np.random.Generator) -> I64:
    """z ~ Mult(θ_user) for each entry of `user`, shape (N,)."""
    chance = rng.random(len(user))
    z = np.zeros(len(user), dtype=np.int64)
    for edge in np.cumsum(theta, axis=1).T[:-1]:
        z += edge[user] < chance
    return z


def _listings_of(z: I64, edges: F64, rng: np.random.Generator) -> I64:
    """x ~ Mult(β_z) for each z, shape (N,); `edges`, shape (K, I), are the cumulated β."""
    x = np.empty_like(z)
    for style, edge in enumerate(edges):
        of_style = z == style
        x[of_style] = np.searchsorted(edge, rng.random(int(of_style.sum())) * edge[-1], side="right")
    return x


def _first_times(keys: I64) -> I64:
    """Where each key stands for the first time, in order."""
    return np.sort(np.unique(keys, return_index=True)[1])
