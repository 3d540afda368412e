from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.core.days import SECONDS_PER_DAY
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.texts import write_texts
from etsyml_cli.sample.words import MATERIALS, STYLES, THINGS
from etsyml_cli.sample.world import NO_VALUE, World, build_world, grades

THING_NAMES = [thing.name for thing in THINGS]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SampleConfig(listings=500), seed=1)


def test_shares_of_titles_that_hide_the_thing_and_of_false_tags(world: World) -> None:
    listings = world.listings
    lies = (listings.tagged != NO_VALUE) & (listings.tagged != listings.thing)
    assert listings.hides.sum() == 200
    assert lies.sum() == 100


def test_two_listings_in_five_are_created_during_the_log(world: World) -> None:
    created = world.listings.created
    assert (created >= 0).sum() == 200
    assert (
        created.max() < (world.config.days - 1) * SECONDS_PER_DAY
    )  # so that each can be shown at least on the last day


def test_things_have_possible_materials(world: World) -> None:
    materials = list(MATERIALS)
    for thing, material in zip(world.listings.thing, world.listings.material, strict=True):
        assert materials[material] in THINGS[thing].materials


def test_styles_are_distributions_that_prefer_their_own_listings(world: World) -> None:
    own = world.listings.style == np.arange(world.config.styles)[:, None]
    assert np.allclose(world.beta.sum(axis=1), 1)
    assert ((world.beta * own).sum(axis=1) > 0.8).all()


def test_grades_equal_the_slow_reference(world: World) -> None:
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
    queries, sold = world.queries, world.listings
    if queries.thing[query] != sold.thing[listing]:
        return 0
    color_fits = queries.color[query] in (NO_VALUE, sold.color[listing])
    material_fits = queries.material[query] in (NO_VALUE, sold.material[listing])
    return 1 + int(color_fits and material_fits) + int(sold.quality[listing] > 0.5)


def test_queries_name_a_thing_alone_or_with_a_color_or_a_material(world: World) -> None:
    assert len(set(world.queries.text)) == len(world.queries.text)
    for name in ("scarf", "red scarf", "wool scarf", "white wedding dress", "brass pocket knife"):
        assert name in world.queries.text


def test_titles_and_tags_follow_the_ground_truth(world: World) -> None:
    for i, text in enumerate(write_texts(world)):
        title = text.title.lower()
        own = THING_NAMES[world.listings.thing[i]]
        tagged = int(world.listings.tagged[i])
        if world.listings.hides[i]:
            assert not any(name in title for name in THING_NAMES)
        else:
            assert own in title
        assert [tag for tag in text.tags if tag in THING_NAMES] == ([] if tagged == NO_VALUE else [THING_NAMES[tagged]])
        assert STYLES[world.listings.style[i]] in text.tags


def test_there_may_be_more_styles_than_style_names() -> None:
    world = build_world(SampleConfig(listings=50, styles=30), seed=0)
    assert len(list(write_texts(world))) == 50
