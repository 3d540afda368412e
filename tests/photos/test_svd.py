"""Reduction by SVD: it is numpy's and scikit-learn's, and neither blocks, large means nor threads change it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.photos.svd import fit_svd


def photos(n=300, d=40, seed=0):
    """Rows whose directions differ clearly in strength."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 0.9 ** np.arange(d)).astype(np.float32)


def up_to_sign(components):
    return components * np.sign(components[:, :1])


def test_it_is_the_svd_of_the_centred_matrix():
    rows = photos()
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    svd = fit_svd([rows], 7)
    np.testing.assert_allclose(up_to_sign(svd.components), up_to_sign(directions[:7]), atol=1e-6)
    assert svd.explained == pytest.approx((strengths[:7] ** 2).sum() / (strengths**2).sum(), rel=1e-12)


def test_it_projects_as_scikit_learn_does():
    rows, others = photos(), photos(20, seed=1)
    svd, pca = fit_svd([rows], 5), PCA(5, svd_solver="full").fit(rows.astype(np.float64))
    turned = np.sign((svd.components * pca.components_).sum(axis=1))
    expected = pca.transform(others.astype(np.float64)) * turned
    assert svd.project(others).dtype == np.float32
    np.testing.assert_allclose(svd.project(others), expected, atol=1e-5 * np.abs(expected).max())


def test_components_are_orthonormal_and_their_largest_entry_is_positive():
    components = fit_svd([photos()], 9).components
    np.testing.assert_allclose(components @ components.T, np.eye(9), atol=1e-6)
    assert (components.max(axis=1) == np.abs(components).max(axis=1)).all()


def test_all_directions_keep_all_the_variance_and_all_distances():
    rows = photos(d=12)
    svd = fit_svd([rows], 12)
    assert svd.explained == pytest.approx(1, abs=1e-12)
    lengths = np.linalg.norm(rows - rows.mean(axis=0), axis=1)
    np.testing.assert_allclose(np.linalg.norm(svd.project(rows), axis=1), lengths, rtol=1e-5)


@pytest.mark.parametrize("cuts", [[1], [150], [0, 3, 3, 299], list(range(1, 300))])
def test_blocks_change_nothing_beyond_rounding(cuts):
    rows = photos()
    whole, parts = fit_svd([rows], 6), fit_svd(np.split(rows, cuts), 6)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(parts.components, whole.components, atol=1e-6)
    assert parts.explained == pytest.approx(whole.explained, rel=1e-12)


@pytest.mark.parametrize("mean", [0, 1e4])
def test_a_planted_subspace_is_found_whatever_the_mean(mean):
    """Spread 1e-2 about a mean of 1e4, blocks in order along the strongest direction: x² - x̄² loses every digit."""
    rng = np.random.default_rng(2)
    planted = np.linalg.qr(rng.normal(size=(30, 3)))[0].T
    amounts = np.sort(rng.normal(size=(500, 3)) * [1e-2, 5e-3, 2e-3], axis=0)
    svd = fit_svd(np.split(mean + amounts @ planted, 10), 3)
    cosines = np.linalg.svd(svd.components @ planted.T)[1]
    assert cosines.min() > 1 - 1e-6
    assert svd.explained > 1 - 1e-6


def test_bytes_do_not_depend_on_the_threads_of_blas():
    """So many components that two threads on one sum would show in some float32."""
    rows = np.random.default_rng(3).normal(size=(333, 331)).astype(np.float32)
    bytes_of = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            svd = fit_svd([rows], 330)
            bytes_of.append((svd.components.tobytes(), svd.mean.tobytes(), svd.project(rows).tobytes()))
    assert bytes_of[0] == bytes_of[1]


def test_rows_are_left_as_they_are_and_may_be_float16():
    rows = photos().astype(np.float16)
    before = rows.copy()
    svd = fit_svd([rows], 4)
    assert svd.project(rows).shape == (300, 4)
    np.testing.assert_array_equal(rows, before)


def test_more_dimensions_than_features_are_a_mistake_of_use():
    with pytest.raises(UsageError, match="41 is more than the 40 features"):
        fit_svd([photos()], 41)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_as_many_dimensions_as_photos_are_refused(n):
    with pytest.raises(DataError, match=f"need more than 5 photos, found {n}"):
        fit_svd([photos(n)], 5)
    with pytest.raises(DataError, match="found 0"):
        fit_svd([], 5)


def test_photos_that_vary_in_too_few_directions_are_refused():
    rows = photos()
    rows[:, 3:] = 1
    assert fit_svd([rows], 3).explained == pytest.approx(1)
    with pytest.raises(DataError, match="vary in 3 directions only") as refused:
        fit_svd([rows], 4)
    assert refused.value.hint == "Use --dim 3 or less."


@pytest.mark.parametrize("value", [0, 0.1, 1e30])
def test_equal_photos_vary_in_no_direction(value):
    with pytest.raises(DataError, match="vary in 0 directions only"):
        fit_svd(np.split(np.full((9, 4), value, np.float32), [2, 7]), 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_refused(bad):
    rows = photos()
    rows[200, 3] = bad
    with pytest.raises(DataError, match="not a finite number"):
        fit_svd([rows[:150], rows[150:]], 2)
