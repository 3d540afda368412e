"""Listing texts: titles (some do not name the thing), tags (some name another thing) and descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64, I64
from etsyml_cli.sample import words
from etsyml_cli.sample.world import NO_VALUE, World

PRAISE_NOISE = 0.4  # sigma of the seller's error in judging the quality


@dataclass(frozen=True)
class Text:
    """The texts of a listing."""

    title: str
    tags: list[str]
    description: str


def write_texts(world: World) -> Iterator[Text]:
    """Generate the texts of all listings, in order."""
    listings = world.listings
    n = len(listings.thing)
    rng = generator(world.seed, "texts")
    praise = _praise(rng, listings.quality)
    place = rng.integers(0, len(words.PLACES), n)
    occasion = rng.integers(0, len(words.OCCASIONS), n)
    clear = rng.integers(0, len(words.CLEAR_TITLES), n)
    hiding = rng.integers(0, len(words.HIDING_TITLES), n)
    description = rng.integers(0, len(words.DESCRIPTIONS), n)
    colors, materials = list(words.COLORS), list(words.MATERIALS)
    for i in range(n):
        fields = {
            "thing": words.THINGS[listings.thing[i]].name,
            "colour": colors[listings.color[i]],
            "material": materials[listings.material[i]],
            "style": words.STYLES[listings.style[i] % len(words.STYLES)],
            "praise": praise[i],
            "place": words.PLACES[place[i]],
            "occasion": words.OCCASIONS[occasion[i]],
        }
        template = words.HIDING_TITLES[hiding[i]] if listings.hides[i] else words.CLEAR_TITLES[clear[i]]
        title = template.format(**fields)
        yield Text(
            title=title[0].upper() + title[1:],
            tags=[fields["style"], f"{fields['occasion']} gift", *_tagged_thing(int(listings.tagged[i]))],
            description=words.DESCRIPTIONS[description[i]].format(**fields),
        )


def _praise(rng: np.random.Generator, quality: F64) -> list[str]:
    estimate = quality + rng.normal(0, PRAISE_NOISE, len(quality))
    level = np.clip(np.floor(estimate * len(words.PRAISE)), 0, len(words.PRAISE) - 1).astype(int)
    choice: I64 = rng.integers(0, len(words.PRAISE[0]), len(quality))
    return [words.PRAISE[a][b] for a, b in zip(level, choice, strict=True)]


def _tagged_thing(thing: int) -> list[str]:
    return [] if thing == NO_VALUE else [words.THINGS[thing].name]
