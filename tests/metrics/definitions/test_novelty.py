from __future__ import annotations

import numpy as np

from etsyml_cli.metrics.definitions.novelty import novelty, surprise
from tests.metrics.lists import lists_of


def test_surprise_counts_the_bits_of_a_favorite() -> None:
    assert surprise(np.array([8, 2, 1, 0]), 8).tolist() == [0, 2, 3, 3]


def test_a_user_has_the_mean_of_the_list() -> None:
    assert novelty(lists_of([[0, 1], [2, -1]], favorites=[8, 2, 1], n_users=8)).tolist() == [1, 3]
