"""The truncated SVD of sparse matrices: compared with NumPy's, and the same bytes every time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.text.sparse_svd import sparse_svd


@pytest.mark.parametrize("shape", [(40, 25), (25, 40), (25, 25)])
def test_it_is_numpy_s(shape):
    matrix = sparse.random(*shape, density=0.3, random_state=0, format="csr")
    u, strength, v = sparse_svd(matrix, 6)
    u_all, strength_all, vt_all = np.linalg.svd(matrix.toarray())
    np.testing.assert_allclose(strength, strength_all[:6], rtol=1e-9)
    best = u_all[:, :6] * strength_all[:6] @ vt_all[:6]
    np.testing.assert_allclose(u * strength @ v.T, best, atol=1e-9)
    np.testing.assert_allclose(v.T @ v, np.eye(6), atol=1e-9)
    assert (v[np.abs(v).argmax(axis=0), np.arange(6)] > 0).all()


@pytest.mark.parametrize("rank", [1, 2, 9])
def test_the_same_bytes_where_there_are_few_directions(rank):
    rng = np.random.default_rng(0)
    matrix = sparse.csr_matrix(np.round(rng.random((30, rank))) @ np.round(rng.random((rank, 12))))
    found = {tuple(part.tobytes() for part in sparse_svd(matrix, 8)) for _ in range(20)}
    assert len(found) == 1
