from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.searches import CART_IF_CLICKED, DECAY, SearchRows, attraction, draw_searches
from etsyml_cli.sample.slices import examination
from etsyml_cli.sample.world import World, build_world, grades

Drawn = tuple[World, list[SearchRows]]
PAGE = 16
COMMON = slice(0, 10)  # positions that nearly every page has


def draw(**config: object) -> Drawn:
    world = build_world(SampleConfig(page_size=PAGE, **config), seed=2)  # type: ignore[arg-type]
    return world, list(draw_searches(world))


@pytest.fixture(scope="module")
def shuffled() -> Drawn:
    return draw(searches=40_000)


@pytest.fixture(scope="module")
def ranked() -> Drawn:
    return draw(searches=20_000, pages="ranked")


def column(drawn: Drawn, name: str) -> NDArray[np.int64]:
    return np.concatenate([getattr(rows, name) for rows in drawn[1]])


def click_rate_by_position(drawn: Drawn) -> NDArray[np.float64]:
    """Relative to the first position."""
    position, clicked = column(drawn, "position"), column(drawn, "event") > 0
    rate = np.bincount(position, clicked)[1:] / np.bincount(position)[1:]
    return np.asarray(rate / rate[0])


def test_all_searches_are_drawn_and_a_page_holds_each_listing_once(shuffled: Drawn) -> None:
    search, listing, position = (column(shuffled, name) for name in ("search", "listing", "position"))
    assert np.unique(search).tolist() == list(range(40_000))
    assert len(np.unique(search * 300 + listing)) == len(search)
    starts = np.flatnonzero(np.diff(search, prepend=-1))
    assert (position[starts] == 1).all()
    assert (np.diff(position)[np.diff(search) == 0] == 1).all()


def test_times_ascend_and_no_listing_is_shown_before_its_creation(shuffled: Drawn) -> None:
    second = column(shuffled, "second")
    assert (np.diff(second) >= 0).all()
    assert (second >= shuffled[0].listings.created[column(shuffled, "listing")]).all()


def test_clicks_on_shuffled_pages_recover_the_true_examination(shuffled: Drawn) -> None:
    true_curve = examination(PAGE, DECAY)
    assert np.abs(click_rate_by_position(shuffled) - true_curve)[COMMON].max() < 0.05


def test_clicks_on_ranked_pages_do_not_recover_the_true_examination(ranked: Drawn) -> None:
    true_curve = examination(PAGE, DECAY)
    assert np.abs(click_rate_by_position(ranked) - true_curve)[COMMON].max() > 0.15


@pytest.mark.parametrize(("pages", "holds"), [("shuffled", lambda r: abs(r) < 0.02), ("ranked", lambda r: r < -0.3)])
def test_only_ranked_pages_follow_the_grades(
    pages: str, holds: Callable[[float], bool], request: pytest.FixtureRequest
) -> None:
    drawn = request.getfixturevalue(pages)
    assert holds(float(np.corrcoef(column(drawn, "position"), column(drawn, "grade"))[0, 1]))


def test_grades_of_the_pages_are_the_true_grades(shuffled: Drawn) -> None:
    grade = column(shuffled, "grade")
    assert (grade == grades(shuffled[0], column(shuffled, "query"), column(shuffled, "listing"))).all()
    assert (np.bincount(grade) / len(grade) > 0.08).all()


def test_click_and_cart_rates_match_their_probabilities(shuffled: Drawn) -> None:
    world = shuffled[0]
    grade, event = column(shuffled, "grade"), column(shuffled, "event")
    examined = examination(PAGE, DECAY)[column(shuffled, "position") - 1]
    click = examined * attraction(world, grade, column(shuffled, "listing"))
    assert click.max() < 1
    for kind in range(4):
        of_kind = grade == kind
        expected, spread = click[of_kind].sum(), np.sqrt((click * (1 - click))[of_kind].sum())
        assert abs((event[of_kind] > 0).sum() - expected) < 4 * spread
        carted = event[of_kind & (event > 0)] > 1
        assert carted.mean() == pytest.approx(CART_IF_CLICKED[kind], abs=4 * 0.5 / np.sqrt(len(carted)))
