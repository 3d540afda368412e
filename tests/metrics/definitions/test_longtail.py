from __future__ import annotations

import numpy as np

from etsyml_cli.metrics.definitions.longtail import in_long_tail, longtail
from tests.metrics.lists import lists_of


def test_the_long_tail_is_all_but_the_most_favorited_hundredth() -> None:
    favorites = np.zeros(200, int)
    favorites[[7, 40, 120]] = [9, 5, 5]
    assert np.flatnonzero(in_long_tail(favorites) == 0).tolist() == [7, 120]
    assert in_long_tail(np.array([1, 4, 4])).tolist() == [1, 1, 0]


def test_a_user_has_the_share_of_the_list() -> None:
    lists = lists_of([[0, 1, 2], [2, -1, -1]], favorites=[1, 2, 9])
    assert longtail(lists).tolist() == [2 / 3, 0]
