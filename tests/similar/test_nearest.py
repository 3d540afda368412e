"""The scans and exact cosines beneath similar lists, against dense products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError
from etsyml_cli.similar.nearest import ROUNDING, Vectors, nearest
from etsyml_cli.similar.photos import DIMENSION, SCALE, SketchedPhotos, photos_of, sketches
from etsyml_cli.similar.words import words_of


def unit_dense(rng: np.random.Generator, n: int, width: int, density: float = 1.0) -> np.ndarray:
    rows = rng.random((n, width)) * (rng.random((n, width)) < density)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def scanned(part: Vectors, asked: np.ndarray, n: int, piece: int) -> np.ndarray:
    scan, sums = part.scan(asked), np.zeros((len(asked), n), np.float32)
    for first in range(0, n, piece):
        scan(first, sums[:, first : first + piece])
    return sums


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 12), st.integers(1, 31), st.floats(0, 1))
def test_words_equal_dense_products(seed: int, n: int, width: int, piece: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    dense = unit_dense(rng, n, width, density)
    words = words_of(sparse.csr_matrix(dense))
    asked = rng.integers(n, size=4)
    expected = dense[asked] @ dense.T
    np.testing.assert_allclose(scanned(words, asked, n, piece), expected, atol=ROUNDING / 10)
    for listing, cosines in zip(asked.tolist(), expected, strict=True):
        np.testing.assert_allclose(words.exactly(listing, np.arange(n)), cosines, atol=1e-12)
        adds = [add for _, add in words.shared(listing, 0)]
        assert adds == sorted(adds, reverse=True)
        assert sum(adds) == pytest.approx(cosines[0], abs=1e-12)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_photos_equal_dense_products_and_one_that_is_missing_adds_nothing(kind: str) -> None:
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(20, 9)).astype(kind)
    matrix[3] = 0
    photo = np.append(rng.permutation(20), -1)
    photos = photos_of(matrix, photo)
    unit = np.vstack([matrix.astype(np.float64), np.zeros(9)])[photo]
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    everyone = np.arange(21)
    np.testing.assert_allclose(scanned(photos, everyone, 21, 6), unit @ unit.T, atol=ROUNDING / 10)
    np.testing.assert_allclose([photos.exactly(i, everyone) for i in everyone], unit @ unit.T, atol=1e-12)


def test_a_photo_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DataError, match="not a finite number"):
        photos_of(np.array([[1.0, np.nan]], np.float32), np.zeros(1, np.int64))


def sketched(n: int, width: int) -> SketchedPhotos:
    matrix = np.random.default_rng(5).normal(0.3, 1, (n, width)).astype(np.float32)
    photos = photos_of(matrix, np.arange(n))
    return SketchedPhotos(photos, np.vstack(list(sketches(photos))))


def test_a_sketch_of_all_dimensions_is_off_by_rounding_alone() -> None:
    part = sketched(50, 20)
    everyone = np.arange(50)
    exact = np.array([part.exactly(i, everyone) for i in everyone])
    np.testing.assert_allclose(scanned(part, everyone, 50, 7), exact, atol=2 * np.sqrt(20) / SCALE)


def test_the_scan_of_sketches_is_the_same_for_any_threads_pieces_and_company() -> None:
    part = sketched(700, 300)
    assert part.sketch.shape == (700, DIMENSION)
    everyone = np.arange(700)
    whole = scanned(part, everyone, 700, 700)
    with threadpool_limits(1):
        np.testing.assert_array_equal(scanned(part, everyone, 700, 64), whole)
    for listing in (0, 345, 699):
        np.testing.assert_array_equal(scanned(part, np.array([listing]), 700, 300)[0], whole[listing])
    numbers = part.sketch.astype(np.int64)
    assert (numbers**2).sum(axis=1).max() < 2**24  # what whole numbers float32 holds


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 8), st.integers(0, 30))
def test_nearest_are_the_best_of_those_allowed_with_ties_by_id(seed: int, n: int, k: int, reach: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.eye(3)[rng.integers(3, size=n)]  # cosines of 0 and 1: nearly all tie
    id_order = rng.permutation(n)
    banned = rng.random(n) < 0.3
    found = nearest(
        np.arange(n), [words_of(sparse.csr_matrix(vectors))], id_order, k, lambda _, rows: ~banned[rows], reach
    )
    for listing, best, cosines in found:
        expected = sorted(np.flatnonzero(~banned), key=lambda row: (-(vectors[row] @ vectors[listing]), -id_order[row]))
        assert best.tolist() == expected[:k]
        np.testing.assert_array_equal(cosines, (vectors[best] @ vectors[listing]).astype(np.float32))
