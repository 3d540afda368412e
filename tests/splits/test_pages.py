"""Pages are held out by day, or by the hash of their id if the log has no times or too few days."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from etsyml_cli.core.errors import InputError
from etsyml_cli.splits.days import TEST, TRAIN, VALID, DaySplit
from etsyml_cli.splits.pages import HashSplit, assign_sets, decode_split, describe, has_test_set, split_pages

IDS = [f"S{number}" for number in range(4000)]


def by_days(days, test_share=0.2):
    return split_pages(np.array(days), test_share=test_share, valid_share=0.1, seed=0)


def test_the_last_days_are_the_test_set_and_the_days_before_the_validation_set():
    days = np.arange(100, 130)
    split = by_days(days)
    assert isinstance(split, DaySplit)
    assert assign_sets(split, IDS[:30], days).tolist() == [TRAIN] * 21 + [VALID] * 3 + [TEST] * 6
    assert describe(split) == (
        "by day: training from 1970-04-11, validation from 1970-05-02 to 1970-05-04, test from 1970-05-05 to 1970-05-10"
    )


def test_without_a_test_share_the_last_days_are_the_validation_set():
    days = np.arange(30)
    split = by_days(days, test_share=0)
    assert not has_test_set(split)
    assert assign_sets(split, IDS[:30], days).tolist() == [TRAIN] * 27 + [VALID] * 3
    assert describe(split).endswith("no test set")


@pytest.mark.parametrize("days", [None, np.array([5, 5, 6])], ids=["no times", "two days"])
def test_pages_are_held_out_by_hash_if_they_cannot_be_split_by_day(days):
    split = split_pages(days, test_share=0.2, valid_share=0.1, seed=3)
    assert split == HashSplit(seed=3, test_below=0.2, valid_below=pytest.approx(0.3))
    part = assign_sets(split, IDS, None)
    assert np.bincount(part, minlength=3) / len(IDS) == pytest.approx([0.7, 0.1, 0.2], abs=0.03)
    order = np.random.default_rng(0).permutation(len(IDS))
    assert (
        assign_sets(split, [IDS[i] for i in order], None).tolist() == part[order].tolist()
    )  # independent of row order
    assert describe(split) == "by the hash of search_id (seed 3): 20% test, 10% validation"


def test_sellers_are_held_out_by_the_hash_of_their_shop_id():
    split = split_pages(np.arange(30), test_share=0.2, valid_share=0.1, seed=3, by="seller")
    assert describe(split) == (
        "by the hash of shop_id (seed 3): 20% test, 10% validation; each row of a page is in the set of its shop"
    )
    assert np.bincount(assign_sets(split, IDS, None), minlength=3) / len(IDS) == pytest.approx(
        [0.7, 0.1, 0.2], abs=0.03
    )
    assert decode_split(msgspec.json.decode(msgspec.json.encode(split))) == split


def test_another_seed_holds_out_other_pages():
    one, other = (assign_sets(HashSplit(seed=seed, test_below=0.5, valid_below=0.6), IDS, None) for seed in (0, 1))
    assert 0.3 < np.mean((one == TEST) != (other == TEST)) < 0.7


@pytest.mark.parametrize("split", [by_days(np.arange(30)), HashSplit(seed=1, test_below=0.2, valid_below=0.3)])
def test_a_split_round_trips_through_json(split):
    assert decode_split(msgspec.json.decode(msgspec.json.encode(split))) == split


def test_a_split_by_days_needs_times():
    with pytest.raises(InputError, match="no created_at"):
        assign_sets(by_days(np.arange(30)), IDS, None)


@pytest.mark.parametrize("stored", [{}, [], None, {"rule": "days"}, {"rule": 1}])
def test_a_damaged_split_is_an_input_error(stored: object) -> None:
    with pytest.raises(InputError, match=r"split\.json is damaged"):
        decode_split(stored)  # type: ignore[arg-type]
