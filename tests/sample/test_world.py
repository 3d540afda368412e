from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.texts import write_texts
from etsyml_cli.sample.words import MATERIALS, STYLES, THINGS
from etsyml_cli.sample.world import DAY_S, NOTHING, World, build_world, grades

THING_NAMES = [thing.name for thing in THINGS]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SampleConfig(listings=500), seed=1)


def test_two_titles_in_five_hide_the_thing_and_one_listing_in_five_is_tagged_falsely(world: World) -> None:
    listings = world.listings
    lies = (listings.tagged != NOTHING) & (listings.tagged != listings.thing)
    assert listings.hides.sum() == 200
    assert lies.sum() == 100


def test_two_listings_in_five_are_born_during_the_log(world: World) -> None:
    born = world.listings.born
    assert (born >= 0).sum() == 200
    assert born.max() < (world.config.days - 1) * DAY_S  # so that each can be shown on the last day


def test_a_thing_is_made_of_what_it_can_be_made_of(world: World) -> None:
    materials = list(MATERIALS)
    for thing, material in zip(world.listings.thing, world.listings.material, strict=True):
        assert materials[material] in THINGS[thing].materials


def test_a_style_is_a_distribution_that_prefers_its_own_listings(world: World) -> None:
    own = world.listings.style == np.arange(world.config.styles)[:, None]
    assert np.allclose(world.beta.sum(axis=1), 1)
    assert ((world.beta * own).sum(axis=1) > 0.8).all()


def test_grades_are_those_of_the_slow_reading(world: World) -> None:
    rng = np.random.default_rng(0)
    query = rng.integers(0, len(world.queries.text), 2000)
    listing = rng.integers(0, 500, 2000)
    listing[:1000] = [
        rng.choice(np.flatnonzero(world.listings.thing == thing)) for thing in world.queries.thing[query[:1000]]
    ]
    expected = [slow_grade(world, q, i) for q, i in zip(query, listing, strict=True)]
    assert grades(world, query, listing).tolist() == expected
    assert set(expected) == {0, 1, 2, 3}


def slow_grade(world: World, query: int, listing: int) -> int:
    asked, sold = world.queries, world.listings
    if asked.thing[query] != sold.thing[listing]:
        return 0
    color_fits = asked.color[query] in (NOTHING, sold.color[listing])
    material_fits = asked.material[query] in (NOTHING, sold.material[listing])
    return 1 + int(color_fits and material_fits) + int(sold.quality[listing] > 0.5)


def test_every_thing_can_be_asked_for_alone_and_with_a_color_or_a_material(world: World) -> None:
    assert len(set(world.queries.text)) == len(world.queries.text)
    for name in ("scarf", "red scarf", "wool scarf", "white wedding dress", "brass pocket knife"):
        assert name in world.queries.text


def test_titles_hide_or_name_the_thing_and_tags_claim_what_was_planted(world: World) -> None:
    for i, text in enumerate(write_texts(world)):
        said = text.title.lower()
        own = THING_NAMES[world.listings.thing[i]]
        tagged = int(world.listings.tagged[i])
        if world.listings.hides[i]:
            assert not any(name in said for name in THING_NAMES)
        else:
            assert own in said
        assert [tag for tag in text.tags if tag in THING_NAMES] == ([] if tagged == NOTHING else [THING_NAMES[tagged]])
        assert STYLES[world.listings.style[i]] in text.tags


def test_more_styles_than_names_are_no_problem() -> None:
    world = build_world(SampleConfig(listings=50, styles=30), seed=0)
    assert len(list(write_texts(world))) == 50
