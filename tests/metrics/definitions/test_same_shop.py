from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.metrics.definitions.same_shop import of_shops, same_shop
from tests.metrics.lists import lists_of


def test_a_users_shops_are_those_of_the_own_favorites() -> None:
    shop_of = np.array([0, 0, 1, 2, 9], np.int32)  # 4 is of a shop of its own
    top = np.array([[1, 3, 4], [1, 2, -1]], np.int32)
    found = of_shops(top, shop_of, (np.array([0, 2, 3]), np.array([0, 4, 2], np.int32)))
    assert found.tolist() == [[True, False, True], [False, True, False]]


def test_a_user_has_the_share_of_the_list() -> None:
    assert same_shop(lists_of([[1, 2], [2, -1]], train=[[0], [0]], shop_of=[0, 0, 1])).tolist() == [0.5, 0]


def test_without_listings_there_are_no_shops() -> None:
    with pytest.raises(UsageError, match="same_shop needs the listings table"):
        same_shop(lists_of([[0]], train=[[0]]))
