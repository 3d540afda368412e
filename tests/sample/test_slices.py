from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.slices import draw_seconds, examination, inventory_at, place_in_group, slices
from etsyml_cli.sample.world import DAY_S, NOTHING, build_world


@given(total=st.integers(0, 5000), days=st.integers(1, 40), at_most=st.integers(1, 300))
def test_slices_hold_all_entries_once_and_fill_every_day(total: int, days: int, at_most: int) -> None:
    parts = list(slices(total, days, at_most))
    assert parts[0].first == parts[0].start == 0
    assert parts[-1].stop == days * DAY_S
    for part, following in pairwise(parts):
        assert (part.first + part.count, part.stop) == (following.first, following.start)
    assert sum(part.count for part in parts) == total
    assert all(part.count <= at_most and part.stop - part.start <= DAY_S for part in parts)


def test_a_very_busy_day_is_cut_into_slices_shorter_than_a_second() -> None:
    rng = np.random.default_rng(0)
    parts = list(islice(slices(10**12, 1, 3), 5))
    assert [len(draw_seconds(rng, part)) for part in parts] == [part.count for part in parts]
    assert [part.start for part in parts] == [0] * 5


@given(st.lists(st.integers(0, 5)))
def test_place_in_group_counts_within_runs(group: list[int]) -> None:
    group.sort()
    expected = [group[:i].count(value) for i, value in enumerate(group)]
    assert place_in_group(np.array(group, dtype=np.int64)).tolist() == expected


def test_examination_is_the_published_curve() -> None:
    assert np.allclose(examination(3, 0.4), [1, 0.7578583, 0.6443940])


def test_a_shelf_gives_the_thing_that_was_asked_for_if_there_is_one() -> None:
    world = build_world(SampleConfig(listings=200), seed=0)
    thing = np.where(world.listings.thing == 3, NOTHING, world.listings.thing)  # nobody sells thing 3 any more
    inventory = inventory_at(world, thing, second=0)
    wanted = np.repeat(np.arange(12), 50)
    taken = inventory.take(np.random.default_rng(0), wanted)
    assert (world.listings.born[taken] <= 0).all()
    assert (thing[taken] == wanted)[wanted != 3].all()
    assert len(np.unique(taken[wanted == 3])) > 20
