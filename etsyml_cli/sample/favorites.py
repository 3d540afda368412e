"""Draw favorites from the generative process of LDA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etsyml_cli.core.days import SECONDS_PER_DAY
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.slices import rank_in_group
from etsyml_cli.sample.world import World

USERS_AT_ONCE = 1 << 12
ALPHA = 0.15  # Dirichlet parameter of a user's styles: most users have one or two
MIN_FAVORITES = 5
GAMMA_SHAPE = 4.0  # of the distribution of the mean number of favorites
DRAWS_PER_FAVORITE = 3  # because duplicates are dropped


@dataclass(frozen=True)
class Favorites:
    """Favorites of a batch of U users starting at `first_user`, arrays of shape (N,), and their theta, shape (U, K)."""

    first_user: int
    theta: F64
    user: I64
    listing: I64
    second: I64


def draw_favorites(world: World) -> Iterator[Favorites]:
    """Draw the favorites of all users, in batches of users."""
    edges = np.cumsum(world.beta, axis=1)
    for first in range(0, world.config.users, USERS_AT_ONCE):
        users = min(USERS_AT_ONCE, world.config.users - first)
        yield _batch(world, edges, first, users, generator(world.seed, "favorites", first))


def _batch(world: World, edges: F64, first: int, users: int, rng: np.random.Generator) -> Favorites:
    """LDA (Blei et al., 2003; Hu et al., KDD'14): θ ~ Dirichlet(α); for each favorite z ~ Mult(θ), x ~ Mult(β_z)."""
    theta = np.asarray(rng.dirichlet(np.full(world.config.styles, ALPHA), users))
    mean = world.config.favorites_per_user
    n_favorites = np.maximum(MIN_FAVORITES, rng.poisson(rng.gamma(GAMMA_SHAPE, mean / GAMMA_SHAPE, users)))
    user = np.repeat(np.arange(users), DRAWS_PER_FAVORITE * n_favorites)
    x = _draw_listings(_draw_styles(user, theta, rng), edges, rng)
    first_rows = _first_occurrences(user * len(world.listings.thing) + x)
    kept = first_rows[rank_in_group(user[first_rows]) < n_favorites[user[first_rows]]]
    created = np.maximum(world.listings.created[x[kept]], 0)
    second = rng.integers(created, world.config.days * SECONDS_PER_DAY)
    return Favorites(first, theta, first + user[kept], x[kept], second)


def _draw_styles(user: I64, theta: F64, rng: np.random.Generator) -> I64:
    """z ~ Mult(θ_user) for each entry of `user`, shape (N,)."""
    chance = rng.random(len(user))
    z = np.zeros(len(user), dtype=np.int64)
    for edge in np.cumsum(theta, axis=1).T[:-1]:
        z += edge[user] < chance
    return z


def _draw_listings(z: I64, edges: F64, rng: np.random.Generator) -> I64:
    """x ~ Mult(β_z) for each z, shape (N,); `edges`, shape (K, I), is the cumulative sum of β."""
    x = np.empty_like(z)
    for style, edge in enumerate(edges):
        of_style = z == style
        x[of_style] = np.searchsorted(edge, rng.random(int(of_style.sum())) * edge[-1], side="right")
    return x


def _first_occurrences(keys: I64) -> I64:
    """The positions of the first occurrence of each key, ascending."""
    return np.sort(np.unique(keys, return_index=True)[1])
