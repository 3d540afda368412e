from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.days import SECONDS_PER_DAY
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.slices import draw_seconds, examination, inventory_at, rank_in_group, slices
from etsyml_cli.sample.world import NO_VALUE, build_world


@given(total=st.integers(0, 5000), days=st.integers(1, 40), at_most=st.integers(1, 300))
def test_slices_cover_all_entries_once_and_all_days(total: int, days: int, at_most: int) -> None:
    parts = list(slices(total, days, at_most))
    assert parts[0].first == parts[0].start == 0
    assert parts[-1].stop == days * SECONDS_PER_DAY
    for part, following in pairwise(parts):
        assert (part.first + part.count, part.stop) == (following.first, following.start)
    assert sum(part.count for part in parts) == total
    assert all(part.count <= at_most and part.stop - part.start <= SECONDS_PER_DAY for part in parts)


def test_slices_of_a_very_busy_day_may_be_shorter_than_a_second() -> None:
    rng = np.random.default_rng(0)
    parts = list(islice(slices(10**12, 1, 3), 5))
    assert [len(draw_seconds(rng, part)) for part in parts] == [part.count for part in parts]
    assert [part.start for part in parts] == [0] * 5


@given(st.lists(st.integers(0, 5)))
def test_rank_in_group_counts_within_groups(group: list[int]) -> None:
    group.sort()
    expected = [group[:i].count(value) for i, value in enumerate(group)]
    assert rank_in_group(np.array(group, dtype=np.int64)).tolist() == expected


def test_examination_decreases_as_a_power_of_the_position() -> None:
    assert np.allclose(examination(3, 0.4), [1, 0.7578583, 0.6443940])


def test_the_inventory_returns_the_thing_if_it_is_on_sale() -> None:
    world = build_world(SampleConfig(listings=200), seed=0)
    thing = np.where(world.listings.thing == 3, NO_VALUE, world.listings.thing)  # no listing of thing 3
    inventory = inventory_at(world, thing, second=0)
    things = np.repeat(np.arange(12), 50)
    taken = inventory.take(np.random.default_rng(0), things)
    assert (world.listings.created[taken] <= 0).all()
    assert (thing[taken] == things)[things != 3].all()
    assert len(np.unique(taken[things == 3])) > 20
