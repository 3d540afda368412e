"""The ground truth of the marketplace: things, qualities and styles of listings, and the queries.

The logs are drawn from it; models see only the logs, the texts and the photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.days import SECONDS_PER_DAY
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.words import COLORS, MATERIALS, THINGS

NO_VALUE = -1

HIDING_SHARE = 0.4  # of titles that do not name the thing
LYING_SHARE = 0.2  # of listings whose tags name another thing
NEW_SHARE = 0.4  # of listings that are created during the log
OLDEST_DAYS = 700
LISTINGS_PER_SHOP = 5
TASTE = 0.4  # Dirichlet parameter of a style's colors and materials
POPULARITY_SPREAD = 0.6  # sigma of the log-normal popularity of listings
OTHER_STYLE_WEIGHT = 0.02  # of a listing in a style other than its own
PRICE_SPREAD = 0.35  # sigma of log price around the thing's usual price
SHOP_SPREAD = 0.7  # sigma of a shop's effect on the log-odds of a click on its ads


@dataclass(frozen=True)
class Listings:
    """One entry per listing, each array of shape (I,); things, colors, materials, styles, shops are indices."""

    thing: I64
    color: I64
    material: I64
    style: I64
    shop: I64
    quality: F64  # 0 … 1, visible in the photo
    log_price_ratio: F64  # log price over the thing's usual price
    price: F64  # dollars
    quantity: I64
    created: I64  # seconds since the start of the log; may be negative
    hides: NDArray[np.bool_]  # the title does not name the thing
    tagged: I64  # the thing in the tags: its own, another or NO_VALUE


@dataclass(frozen=True)
class Queries:
    """All queries: a thing, alone or with a color or a material (else NO_VALUE)."""

    thing: I64
    color: I64
    material: I64
    text: list[str]


@dataclass(frozen=True)
class World:
    """The complete ground truth. Shops are owned by users."""

    config: SampleConfig
    seed: int
    listings: Listings
    queries: Queries
    beta: F64  # (K, I): each style's distribution over listings
    shop_owner: I64  # (S,): user index
    shop_effect: F64  # (S,): on the log-odds of a click on the shop's ads


def build_world(config: SampleConfig, seed: int) -> World:
    """Draw the ground truth of a marketplace; it depends only on the configuration and the seed."""
    shops = max(1, config.listings // LISTINGS_PER_SHOP)
    rng = generator(seed, "shops")
    owner = rng.integers(0, config.users, shops)
    effect = rng.normal(0, SHOP_SPREAD, shops)
    listings = _draw_listings(config, shops, generator(seed, "listings"))
    beta = _draw_beta(listings.style, config.styles, generator(seed, "beta"))
    return World(config, seed, listings, _all_queries(), beta, owner, effect)


def grades(world: World, query: I64, listing: I64) -> I64:
    """True relevance grades 0 … 3 of query-listing pairs, shape (P,).

    0 for another thing, else 1, plus 1 if color and material match the query, plus 1 if the quality is above 0.5.
    """
    queries, listings = world.queries, world.listings
    fits = _matches(queries.color[query], listings.color[listing])
    fits &= _matches(queries.material[query], listings.material[listing])
    is_good = listings.quality[listing] > 0.5
    same_thing = queries.thing[query] == listings.thing[listing]
    return np.asarray(same_thing * (1 + fits.astype(np.int64) + is_good))


def _matches(queried: I64, actual: I64) -> NDArray[np.bool_]:
    return np.asarray((queried == NO_VALUE) | (queried == actual))


def _draw_listings(config: SampleConfig, shops: int, rng: np.random.Generator) -> Listings:
    n = config.listings
    shop = rng.integers(0, shops, n)
    style = shop % config.styles  # each shop has one style
    thing = rng.integers(0, len(THINGS), n)
    log_price_ratio = rng.normal(0, PRICE_SPREAD, n)
    usual_price = np.array([thing.price for thing in THINGS])
    hides = _exact_share(rng, n, HIDING_SHARE)
    return Listings(
        thing=thing,
        color=_choose(rng, _tastes(rng, config.styles, len(COLORS))[style]),
        material=_draw_materials(rng, thing, _tastes(rng, config.styles, len(MATERIALS))[style]),
        style=style,
        shop=shop,
        quality=rng.random(n),
        log_price_ratio=log_price_ratio,
        price=np.round(usual_price[thing] * np.exp(log_price_ratio), 2),
        quantity=rng.geometric(0.2, n),
        created=_draw_created(rng, n, config.days),
        hides=hides,
        tagged=_draw_tags(rng, thing, hides),
    )


def _tastes(rng: np.random.Generator, styles: int, kinds: int) -> F64:
    """Weights of colors or materials in each style, shape (K, kinds), all positive."""
    return np.asarray(rng.dirichlet(np.full(kinds, TASTE), styles) + 0.01)


def _draw_materials(rng: np.random.Generator, thing: I64, taste: F64) -> I64:
    names = list(MATERIALS)
    possible = np.array([[name in thing.materials for name in names] for thing in THINGS])
    return _choose(rng, taste * possible[thing])


def _choose(rng: np.random.Generator, weights: F64) -> I64:
    """Draw one column for each row of `weights`, shape (N, choices), in proportion to the weights."""
    edges = np.cumsum(weights, axis=1)
    return np.asarray((edges < rng.random(len(weights))[:, None] * edges[:, -1:]).sum(axis=1))


def _draw_created(rng: np.random.Generator, n: int, days: int) -> I64:
    in_log = _exact_share(rng, n, NEW_SHARE)
    before = rng.integers(-OLDEST_DAYS * SECONDS_PER_DAY, 0, n)
    within = rng.integers(0, max(1, days - 1) * SECONDS_PER_DAY, n)
    return np.where(in_log, within, before)


def _draw_tags(rng: np.random.Generator, thing: I64, hides: NDArray[np.bool_]) -> I64:
    is_lie = _exact_share(rng, len(thing), LYING_SHARE)
    another = (thing + rng.integers(1, len(THINGS), len(thing))) % len(THINGS)
    return np.where(is_lie, another, np.where(hides, NO_VALUE, thing))


def _exact_share(rng: np.random.Generator, n: int, share: float) -> NDArray[np.bool_]:
    return np.asarray(rng.permutation(n) < round(share * n))


def _draw_beta(style: I64, styles: int, rng: np.random.Generator) -> F64:
    popularity = rng.lognormal(0, POPULARITY_SPREAD, len(style))
    weight = popularity * (OTHER_STYLE_WEIGHT + (style == np.arange(styles)[:, None]))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _all_queries() -> Queries:
    colors, materials = list(COLORS), list(MATERIALS)
    thing, color, material, text = [], [], [], []
    for i, kind in enumerate(THINGS):
        attributes = [(NO_VALUE, NO_VALUE, kind.name)]
        attributes += [(c, NO_VALUE, f"{name} {kind.name}") for c, name in enumerate(colors)]
        attributes += [(NO_VALUE, materials.index(name), f"{name} {kind.name}") for name in kind.materials]
        for c, m, words in attributes:
            thing.append(i)
            color.append(c)
            material.append(m)
            text.append(words)
    return Queries(np.array(thing), np.array(color), np.array(material), text)
