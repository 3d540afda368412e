from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.core.days import SECONDS_PER_DAY
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.favorites import MIN_FAVORITES, Favorites, draw_favorites
from etsyml_cli.sample.world import World, build_world


@pytest.fixture(scope="module")
def drawn() -> tuple[World, Favorites]:
    """Few favorites among many listings, so that dropping duplicates hardly changes the distribution."""
    world = build_world(SampleConfig(listings=2000, users=4000, favorites_per_user=6), seed=1)
    (favorites,) = draw_favorites(world)
    return world, favorites


def test_listing_counts_match_theta_and_beta(drawn: tuple[World, Favorites]) -> None:
    world, favorites = drawn
    count = np.bincount(favorites.listing, minlength=2000)
    mixture = favorites.theta @ world.beta
    expected = np.bincount(favorites.user, minlength=4000) @ mixture
    chi_square = ((count - expected) ** 2 / expected)[expected > 5]
    assert len(chi_square) > 1000
    assert 0.85 < chi_square.mean() < 1.15


def test_favorites_match_the_users_styles(drawn: tuple[World, Favorites]) -> None:
    """Counts of styles among the favorites of users with the same main style match theta."""
    world, favorites = drawn
    styles = world.config.styles
    own = (world.listings.style == np.arange(styles)[:, None]).astype(float)
    probabilities = favorites.theta @ (world.beta @ own.T)
    main = favorites.theta.argmax(axis=1)
    number = np.bincount(favorites.user, minlength=4000)
    expected, counted = np.zeros((styles, styles)), np.zeros((styles, styles))
    np.add.at(expected, main, probabilities * number[:, None])
    np.add.at(counted, (main[favorites.user], world.listings.style[favorites.listing]), 1)
    assert np.abs((counted - expected) / np.sqrt(expected)).max() < 5


def test_favorites_are_distinct_and_not_before_the_listing_was_created(drawn: tuple[World, Favorites]) -> None:
    world, favorites = drawn
    assert len(np.unique(favorites.user * 2000 + favorites.listing)) == len(favorites.user)
    assert (favorites.second >= world.listings.created[favorites.listing]).all()
    assert favorites.second.min() >= 0
    assert favorites.second.max() < world.config.days * SECONDS_PER_DAY


def test_all_users_have_favorites_and_the_mean_is_as_configured() -> None:
    (favorites,) = draw_favorites(build_world(SampleConfig(listings=3000, users=1000, favorites_per_user=20), seed=0))
    number = np.bincount(favorites.user, minlength=1000)
    assert number.min() >= MIN_FAVORITES
    assert number.mean() == pytest.approx(20, abs=1.5)
