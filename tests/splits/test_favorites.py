from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.splits.favorites import Order, cut_time, hold_out, random_key, share_decided_by_ties, tied

rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 6)), min_size=1, unique_by=lambda r: r[:2]
)


def slow_hold_out(rows: list[tuple[int, int, int]], share: float) -> set[tuple[int, int]]:
    of_user = defaultdict(list)
    for user, listing, key in rows:
        of_user[user].append((key, listing))
    held = set()
    for user, favorites in of_user.items():
        if len(favorites) >= 5:
            n = min(max(round(share * len(favorites)), 1), len(favorites) - 1)
            held |= {(user, listing) for _, listing in sorted(favorites)[-n:]}
    return held


@given(rows, st.sampled_from([0.01, 0.2, 0.5, 0.99]))
def test_the_last_favorites_of_each_user_are_held_out(rows: list[tuple[int, int, int]], share: float) -> None:
    users, listings, key = (np.array(column) for column in zip(*rows, strict=True))
    held = hold_out(users, Order(key, listings), share)
    assert set(zip(users[held].tolist(), listings[held].tolist(), strict=True)) == slow_hold_out(rows, share)


def test_the_random_split_depends_on_ids_and_seed_but_not_on_row_order() -> None:
    users, listings = [f"U{i % 7}" for i in range(210)], [f"L{i}" for i in range(210)]
    key = random_key(users, listings, seed=1)
    np.testing.assert_array_equal(random_key(users[::-1], listings[::-1], seed=1), key[::-1])
    assert (random_key(users, listings, seed=2) != key).all()
    assert len(set(key.tolist())) == 210


def test_user_and_listing_ids_are_separated_in_the_key() -> None:
    assert random_key(["U1"], ["2L"], 0) != random_key(["U12"], ["L"], 0)


@given(st.lists(st.integers(-3, 9), min_size=1), st.floats(0.01, 0.99))
def test_the_cut_is_the_time_whose_later_part_is_nearest_to_the_share(times: list[int], share: float) -> None:
    def distance(cut: int) -> tuple[float, int]:
        return abs(sum(time >= cut for time in times) / len(times) - share), -cut

    possible = sorted(set(times))[1:]
    assert cut_time(np.array(times), share) == (min(possible, key=distance) if possible else None)


@given(rows, st.sampled_from([0.2, 0.5]))
def test_ties_decide_if_equal_times_are_on_both_sides(rows: list[tuple[int, int, int]], share: float) -> None:
    users, listings, key = (np.array(column) for column in zip(*rows, strict=True))
    held = hold_out(users, Order(key, listings), share)
    same = (users[:, None] == users) & (key[:, None] == key)
    np.testing.assert_array_equal(tied(users, key), same.sum(axis=1) > 1)
    decided = (same & ~held).any(axis=1)[held]
    assert share_decided_by_ties(users, key, held) == (decided.mean() if held.any() else 0)
