"""Vocabulary of the synthetic marketplace: things, colors, materials, styles and text templates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """A kind of product: name in titles and queries, materials, usual price in dollars."""

    name: str
    materials: tuple[str, ...]
    price: float


THINGS = (
    Thing("necklace", ("silver", "brass", "glass"), 38.0),
    Thing("ring", ("silver", "brass", "glass"), 45.0),
    Thing("mug", ("stoneware", "porcelain", "glass"), 24.0),
    Thing("vase", ("stoneware", "porcelain", "glass"), 42.0),
    Thing("candle", ("soy", "beeswax"), 16.0),
    Thing("scarf", ("wool", "linen", "cotton"), 34.0),
    Thing("hat", ("wool", "linen", "cotton"), 28.0),
    Thing("bag", ("leather", "linen", "cotton"), 64.0),
    Thing("desk lamp", ("brass", "oak", "porcelain"), 85.0),
    Thing("print", ("paper", "linen"), 22.0),
    Thing("pocket knife", ("oak", "brass", "leather"), 55.0),
    Thing("wedding dress", ("linen", "cotton"), 240.0),
)

COLORS = {
    "red": (200, 30, 36),
    "orange": (238, 124, 24),
    "yellow": (245, 208, 40),
    "green": (44, 140, 60),
    "blue": (36, 84, 190),
    "pink": (240, 130, 178),
    "white": (246, 244, 240),
    "black": (34, 34, 38),
}

# material -> surface in a photo
MATERIALS = {
    "silver": "gloss",
    "brass": "gloss",
    "glass": "gloss",
    "porcelain": "gloss",
    "stoneware": "speckle",
    "soy": "plain",
    "beeswax": "speckle",
    "wool": "weave",
    "linen": "weave",
    "cotton": "plain",
    "leather": "speckle",
    "oak": "grain",
    "paper": "plain",
}

STYLES = (
    "boho",
    "minimalist",
    "rustic",
    "gothic",
    "cottage",
    "midcentury",
    "nautical",
    "folk",
    "celestial",
    "industrial",
    "romantic",
    "tropical",
)

# from low to high quality, with noise (PRAISE_NOISE)
PRAISE = (
    ("budget", "basic", "seconds"),
    ("simple", "everyday", "classic"),
    ("heirloom", "exquisite", "masterful"),
)

PLACES = ("Vermont", "Omaha", "Berlin", "Montreal", "Nicosia", "Fremantle", "Kaunas", "Madrid", "Portland", "Somerset")
OCCASIONS = ("birthday", "wedding", "anniversary", "graduation", "housewarming", "christmas")

CLEAR_TITLES = (
    "{praise} {colour} {material} {thing}",
    "{colour} {thing} in {material}, {praise} {style} work",
    "{style} {thing}, {colour} {material}, {praise}",
    "{praise} {thing} from {place}, {colour} {material}",
)
HIDING_TITLES = (
    "Handmade gift, made with love in {place}",
    "A {praise} {occasion} gift from our studio in {place}",
    "{praise} {style} piece, one of a kind",
    "Made by hand in {place}, {praise} and {style}",
    "Something {style} for your {occasion}",
)
DESCRIPTIONS = (
    "Made to order in {place}. Ships within a week.",
    "Each one is a little different. A {style} touch for every day.",
    "Our small studio in {place} makes these in batches of ten.",
    "Wrapped and ready for a {occasion}.",
)
