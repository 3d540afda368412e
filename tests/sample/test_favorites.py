from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.favorites import FEWEST, Favorites, draw_favorites
from etsyml_cli.sample.world import DAY_S, World, build_world


@pytest.fixture(scope="module")
def drawn() -> tuple[World, Favorites]:
    """Few favorites among many listings, so that drawing repeated ones anew hardly bends the distribution."""
    world = build_world(SampleConfig(listings=2000, users=4000, favorites_per_user=6), seed=1)
    (favorites,) = draw_favorites(world)
    return world, favorites


def test_listings_are_favorited_as_often_as_theta_and_beta_say(drawn: tuple[World, Favorites]) -> None:
    world, favorites = drawn
    count = np.bincount(favorites.listing, minlength=2000)
    mixture = favorites.theta @ world.beta
    expected = np.bincount(favorites.user, minlength=4000) @ mixture
    chi_square = ((count - expected) ** 2 / expected)[expected > 5]
    assert len(chi_square) > 1000
    assert 0.85 < chi_square.mean() < 1.15


def test_each_user_follows_the_own_styles(drawn: tuple[World, Favorites]) -> None:
    """Favorites of a style, summed over the users whose main style it is, against what theta promises them."""
    world, favorites = drawn
    styles = world.config.styles
    own = (world.listings.style == np.arange(styles)[:, None]).astype(float)
    promised = favorites.theta @ (world.beta @ own.T)
    main = favorites.theta.argmax(axis=1)
    number = np.bincount(favorites.user, minlength=4000)
    expected, counted = np.zeros((styles, styles)), np.zeros((styles, styles))
    np.add.at(expected, main, promised * number[:, None])
    np.add.at(counted, (main[favorites.user], world.listings.style[favorites.listing]), 1)
    assert np.abs((counted - expected) / np.sqrt(expected)).max() < 5


def test_nobody_favorites_a_listing_twice_nor_before_its_birth(drawn: tuple[World, Favorites]) -> None:
    world, favorites = drawn
    assert len(np.unique(favorites.user * 2000 + favorites.listing)) == len(favorites.user)
    assert (favorites.second >= world.listings.born[favorites.listing]).all()
    assert favorites.second.min() >= 0
    assert favorites.second.max() < world.config.days * DAY_S


def test_everybody_has_some_and_the_mean_is_as_asked() -> None:
    (favorites,) = draw_favorites(build_world(SampleConfig(listings=3000, users=1000, favorites_per_user=20), seed=0))
    number = np.bincount(favorites.user, minlength=1000)
    assert number.min() >= FEWEST
    assert number.mean() == pytest.approx(20, abs=1.5)
