"""Pages are ranked as by trec_eval."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.metrics.ranking import best_first, byte_order, rank_pages


def test_ties_go_to_the_greater_id_by_bytes():
    ids = ["a", "b", "Z", "ä"]
    order = best_first(np.zeros(4), byte_order(ids))
    assert [ids[i] for i in order] == sorted(ids, key=str.encode, reverse=True) == ["ä", "b", "a", "Z"]


@given(st.lists(st.text(), unique=True))
def test_byte_order_is_that_of_utf8(ids):
    ids = [name for name in ids if not any("\ud800" <= letter <= "\udfff" for letter in name)]
    order = byte_order(ids)
    assert sorted(ids, key=str.encode) == [ids[i] for i in np.argsort(order)]


def test_pages_without_relevant_and_without_any_listing_are_distinguished():
    ranked = rank_pages(np.array([1.0, 2, 3]), np.array([0.0, 1, 0]), np.array([0, 2, 2, 3]), np.arange(3))
    assert ranked.has_relevant().tolist() == [True, False, False]
