"""The reduced click matrix: compared with NumPy's dense SVD, week by week, without data of the same days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ads.features.click_svd import ClickSvd, click_svd_of
from etsyml_cli.core.rng import generator

MONDAY = 7 * 2800  # the first day of a week of matrices
SHAPE = (30, 12)


def pairs(rng, n=400):
    listing, query = rng.integers(0, SHAPE[0], n), rng.integers(0, SHAPE[1], n)
    return listing.astype(np.uint64) << np.uint64(32) | query.astype(np.uint64), rng.integers(0, 2, n).astype(float)


def learned(weeks=1, dim=5, seed=0) -> tuple[ClickSvd, np.ndarray]:
    """A reduction and the dense matrix that it was fitted to last."""
    rng = generator(seed, "clicks")
    svd = ClickSvd(dim, MONDAY)
    clicks = np.zeros(SHAPE)
    for day in range(7 * weeks):
        svd.begin(MONDAY + day)
        keys, clicked = pairs(rng)
        svd.add(keys, clicked)
        np.add.at(clicks, ((keys >> np.uint64(32)).astype(int), (keys & np.uint64(0xFFFFFFFF)).astype(int)), clicked)
    svd.begin(MONDAY + 7 * weeks)
    return svd, np.log1p(clicks)


def every_pair() -> np.ndarray:
    listing, query = np.divmod(np.arange(SHAPE[0] * SHAPE[1]), SHAPE[1])
    return listing.astype(np.uint64) << np.uint64(32) | query.astype(np.uint64)


def products(svd: ClickSvd) -> np.ndarray:
    keys = every_pair()
    together = svd.numbers("x", keys, np.ones(len(keys), bool))[2]
    assert np.array_equal(together.codes, np.arange(len(keys)))
    return together.x.reshape(SHAPE)


@pytest.mark.parametrize("weeks", [1, 2, 3])
def test_a_pair_s_number_is_its_entry_of_the_best_matrix_of_that_rank(weeks):
    svd, matrix = learned(weeks)
    u, strength, vt = np.linalg.svd(matrix)
    np.testing.assert_allclose(products(svd), u[:, :5] * strength[:5] @ vt[:5], atol=1e-9)


def test_directions_stay_where_they_were():
    """Turned to the last week's, the numbers of a value move less than its matrix, whatever sign or order an SVD has."""
    (before, _), (after, _) = learned(6), learned(7)
    assert np.abs(after.right.x - before.right.x).max() < 0.5
    assert np.abs(before.right.x).max() > 1


def test_nothing_of_a_week_is_in_it():
    svd, _ = learned()
    before = products(svd)
    keys, _ = pairs(generator(1, "more"))
    for day in range(1, 7):
        svd.add(keys, np.ones(len(keys)))
        svd.begin(MONDAY + 7 + day)
        assert np.array_equal(products(svd), before)
    svd.begin(MONDAY + 14)
    assert not np.array_equal(products(svd), before)


def test_missing_directions_are_filled_with_zeros():
    svd, matrix = learned(dim=20)
    assert svd.left.x.shape == (SHAPE[0], 20)
    assert np.count_nonzero(svd.left.x.any(axis=0)) == min(SHAPE) - 1
    u, strength, vt = np.linalg.svd(matrix)
    np.testing.assert_allclose(products(svd), u[:, :11] * strength[:11] @ vt[:11], atol=1e-9)


def test_unknown_values_and_absent_ones_have_no_numbers():
    svd, _ = learned()
    known, stranger = np.uint64(3 << 32 | 4), np.uint64(99 << 32 | 99)
    half = np.uint64(3 << 32 | 99)
    left, right, both = svd.numbers("x", np.array([known, stranger, half, known]), np.array([True, True, True, False]))
    assert [code >= 0 for code in left.codes] == [True, False, True, False]
    assert [code >= 0 for code in right.codes] == [True, False, False, False]
    assert [code >= 0 for code in both.codes] == [True, False, False, False]


@pytest.mark.parametrize("clicks", [0, 1])
def test_too_few_clicks_for_a_direction(clicks):
    svd = ClickSvd(3, MONDAY)
    svd.add(np.array([5 << 32 | 6], np.uint64), np.array([float(clicks)]))
    svd.begin(MONDAY + 7)
    assert all(
        (numbers.codes < 0).all() for numbers in svd.numbers("x", np.array([5 << 32 | 6], np.uint64), np.ones(1, bool))
    )


@given(st.integers(1, 20))
def test_a_saved_and_loaded_svd_continues_identically(days):
    rng = generator(days, "saved")
    whole = ClickSvd(4, MONDAY)
    restored = whole
    for day in range(20):
        keys, clicks = pairs(rng, 60)
        if day == days:
            restored = click_svd_of(4, whole.tensors())
        for svd in {id(whole): whole, id(restored): restored}.values():
            svd.add(keys, clicks)
            svd.begin(MONDAY + day + 1)
    assert np.array_equal(whole.left.x, restored.left.x)
    assert np.array_equal(whole.clicks, restored.clicks)


def test_parts_that_do_not_fit():
    tensors = learned()[0].tensors()
    with pytest.raises(ValueError, match="do not fit"):
        click_svd_of(5, tensors | {"left": tensors["left"][1:]})
