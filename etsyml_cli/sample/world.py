"""The planted world: what each listing is, how good it is, whose style it has, and what can be asked for.

Everything here is truth. The logs are drawn from it; a learner sees only the logs, the texts and the photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.words import COLORS, MATERIALS, THINGS

DAY_S = 86_400
NOTHING = -1

HIDING_SHARE = 0.4  # of titles that do not say what the thing is
LYING_SHARE = 0.2  # of listings with another thing's word among the tags
BORN_IN_LOG_SHARE = 0.4
OLDEST_DAYS = 700
LISTINGS_PER_SHOP = 5
TASTE = 0.4  # Dirichlet parameter of a style's colors and materials: small means few of them
POPULARITY_SPREAD = 0.6  # sigma of the log-normal behind the long tail of a style
STRAY = 0.02  # a listing's weight in a style that is not its own
PRICE_SPREAD = 0.35  # sigma of log price around the thing's usual price
SHOP_SPREAD = 0.7  # sigma of what a shop's name does to the log-odds of a click on its ads


@dataclass(frozen=True)
class Listings:
    """One entry per listing, each array of shape (I,); things, colors, materials, styles, shops are indices."""

    thing: I64
    color: I64
    material: I64
    style: I64
    shop: I64
    quality: F64  # 0 … 1, seen in the photo
    dearness: F64  # log price over the thing's usual price
    price: F64  # dollars
    quantity: I64
    born: I64  # seconds since the log began; negative for what was there before
    hides: NDArray[np.bool_]  # the title does not say what the thing is
    tagged: I64  # the thing that the tags name: its own, another (a lie) or NOTHING


@dataclass(frozen=True)
class Queries:
    """All that can be asked for: a thing, alone or with a color or a material (NOTHING where none is named)."""

    thing: I64
    color: I64
    material: I64
    text: list[str]


@dataclass(frozen=True)
class World:
    """The whole truth; shops are owned by users, and their names count when their ads are shown."""

    config: SampleConfig
    seed: int
    listings: Listings
    queries: Queries
    beta: F64  # (K, I): each style's distribution over listings
    shop_owner: I64  # (S,): a user
    shop_pull: F64  # (S,): what the shop adds to the log-odds of a click on its ads


def build_world(config: SampleConfig, seed: int) -> World:
    """Draw the planted truth of a marketplace; the same configuration and seed give the same world."""
    shops = max(1, config.listings // LISTINGS_PER_SHOP)
    rng = generator(seed, "shops")
    owner = rng.integers(0, config.users, shops)
    pull = rng.normal(0, SHOP_SPREAD, shops)
    listings = _draw_listings(config, shops, generator(seed, "listings"))
    beta = _draw_beta(listings.style, config.styles, generator(seed, "beta"))
    return World(config, seed, listings, _all_queries(), beta, owner, pull)


def grades(world: World, query: I64, listing: I64) -> I64:
    """True relevance 0 … 3 of query and listing pairs, shape (P,).

    Another thing is 0; the thing itself 1, one more where color or material is as asked, one more where it is fine.
    """
    asked, listings = world.queries, world.listings
    fits = _as_asked(asked.color[query], listings.color[listing])
    fits &= _as_asked(asked.material[query], listings.material[listing])
    fine = listings.quality[listing] > 0.5
    right_thing = asked.thing[query] == listings.thing[listing]
    return np.asarray(right_thing * (1 + fits.astype(np.int64) + fine))


def _as_asked(asked: I64, found: I64) -> NDArray[np.bool_]:
    return np.asarray((asked == NOTHING) | (asked == found))


def _draw_listings(config: SampleConfig, shops: int, rng: np.random.Generator) -> Listings:
    n = config.listings
    shop = rng.integers(0, shops, n)
    style = shop % config.styles  # a shop keeps to one style
    thing = rng.integers(0, len(THINGS), n)
    dearness = rng.normal(0, PRICE_SPREAD, n)
    usual_price = np.array([thing.price for thing in THINGS])
    hides = _exact_share(rng, n, HIDING_SHARE)
    return Listings(
        thing=thing,
        color=_choose(rng, _tastes(rng, config.styles, len(COLORS))[style]),
        material=_draw_materials(rng, thing, _tastes(rng, config.styles, len(MATERIALS))[style]),
        style=style,
        shop=shop,
        quality=rng.random(n),
        dearness=dearness,
        price=np.round(usual_price[thing] * np.exp(dearness), 2),
        quantity=rng.geometric(0.2, n),
        born=_draw_births(rng, n, config.days),
        hides=hides,
        tagged=_draw_tags(rng, thing, hides),
    )


def _tastes(rng: np.random.Generator, styles: int, kinds: int) -> F64:
    """A palette for each style, shape (K, kinds); nothing is quite impossible in any of them."""
    return np.asarray(rng.dirichlet(np.full(kinds, TASTE), styles) + 0.01)


def _draw_materials(rng: np.random.Generator, thing: I64, taste: F64) -> I64:
    names = list(MATERIALS)
    possible = np.array([[name in thing.materials for name in names] for thing in THINGS])
    return _choose(rng, taste * possible[thing])


def _choose(rng: np.random.Generator, weights: F64) -> I64:
    """One column for each row of `weights`, shape (N, choices), in proportion to them."""
    edges = np.cumsum(weights, axis=1)
    return np.asarray((edges < rng.random(len(weights))[:, None] * edges[:, -1:]).sum(axis=1))


def _draw_births(rng: np.random.Generator, n: int, days: int) -> I64:
    in_log = _exact_share(rng, n, BORN_IN_LOG_SHARE)
    before = rng.integers(-OLDEST_DAYS * DAY_S, 0, n)
    within = rng.integers(0, max(1, days - 1) * DAY_S, n)
    return np.where(in_log, within, before)


def _draw_tags(rng: np.random.Generator, thing: I64, hides: NDArray[np.bool_]) -> I64:
    lies = _exact_share(rng, len(thing), LYING_SHARE)
    another = (thing + rng.integers(1, len(THINGS), len(thing))) % len(THINGS)
    return np.where(lies, another, np.where(hides, NOTHING, thing))


def _exact_share(rng: np.random.Generator, n: int, share: float) -> NDArray[np.bool_]:
    return np.asarray(rng.permutation(n) < round(share * n))


def _draw_beta(style: I64, styles: int, rng: np.random.Generator) -> F64:
    popularity = rng.lognormal(0, POPULARITY_SPREAD, len(style))
    weight = popularity * (STRAY + (style == np.arange(styles)[:, None]))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _all_queries() -> Queries:
    colors, materials = list(COLORS), list(MATERIALS)
    thing, color, material, text = [], [], [], []
    for i, kind in enumerate(THINGS):
        wishes = [(NOTHING, NOTHING, kind.name)]
        wishes += [(c, NOTHING, f"{name} {kind.name}") for c, name in enumerate(colors)]
        wishes += [(NOTHING, materials.index(name), f"{name} {kind.name}") for name in kind.materials]
        for c, m, words in wishes:
            thing.append(i)
            color.append(c)
            material.append(m)
            text.append(words)
    return Queries(np.array(thing), np.array(color), np.array(material), text)
