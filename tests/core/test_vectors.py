"""Rows scaled to length 1."""

from __future__ import annotations

import numpy as np
import pytest

from etsyml_cli.core.vectors import unit_rows, unit_rows_in_double


@pytest.mark.parametrize("scaled", [unit_rows, unit_rows_in_double])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rows_have_length_one_and_zeros_stay(scaled, kind):
    unit = scaled(np.array([[3, 4], [0, 0], [0.5, 0], [40, 0]], kind))
    np.testing.assert_array_equal(unit.astype(np.float32), np.array([[0.6, 0.8], [0, 0], [1, 0], [1, 0]], np.float32))


def test_tiny_and_huge_rows_have_length_one_in_float64():
    rows = np.array([[3, 4], [0, 0], [1e-30, 0], [2e30, 0]], np.float32)
    np.testing.assert_allclose(unit_rows_in_double(rows), [[0.6, 0.8], [0, 0], [1, 0], [1, 0]], rtol=1e-15)
