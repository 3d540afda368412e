from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.personalization.model.favorites import favorites_of

rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), min_size=1, unique=True)


@given(rows)
def test_favorites_of_a_user_are_those_of_the_pairs(rows: list[tuple[int, int]]) -> None:
    users, listings = (np.array(column) for column in zip(*rows, strict=True))
    favorites = favorites_of(users, listings, n_users=6)
    for user in range(6):
        assert favorites.of(user).tolist() == sorted(listings[users == user].tolist())
    some = favorites.take(np.array([5, 2]))
    assert [some.of(0).tolist(), some.of(1).tolist()] == [favorites.of(5).tolist(), favorites.of(2).tolist()]
    assert some.indices.dtype == favorites.indices.dtype
    pairs = zip(favorites.users().tolist(), favorites.indices.tolist(), strict=True)
    assert set(pairs) == set(zip(users.tolist(), listings.tolist(), strict=True))
