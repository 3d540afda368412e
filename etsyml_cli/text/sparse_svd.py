"""Truncated SVD of a sparse matrix with reproducible results, bit for bit.

`scipy.sparse.linalg.svds` passes no seed to ARPACK, which restarts at random if the matrix has a low rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F64

if TYPE_CHECKING:
    from scipy import sparse


def sparse_svd(matrix: sparse.csr_matrix, k: int) -> tuple[F64, F64, F64]:
    """U (N, k), the k largest singular values, descending, and V (M, k) of a matrix (N, M); k below both N and M.

    The entry of largest magnitude of each column of V is positive.
    """
    if matrix.shape[0] < matrix.shape[1]:
        v, strength, u = _svd(matrix.T.tocsr(), k)
    else:
        u, strength, v = _svd(matrix, k)
    largest = np.abs(v).argmax(axis=0)
    signs = np.where(v[largest, np.arange(k)] < 0, -1.0, 1.0)
    return u * signs, strength, v * signs


def _svd(tall: sparse.csr_matrix, k: int) -> tuple[F64, F64, F64]:
    import scipy.linalg  # imported on use: most models have no SVD
    from scipy.sparse.linalg import LinearOperator, eigsh

    width = tall.shape[1]
    gram = LinearOperator((width, width), matvec=lambda x: tall.T @ (tall @ x), dtype=np.float64)
    with threadpool_limits(1, user_api="blas"):
        _, directions = eigsh(gram, k, v0=np.ones(width), rng=0)
        directions, _ = scipy.linalg.qr(directions, mode="economic")
        u, strength, turn = scipy.linalg.svd(tall @ directions, full_matrices=False)
        return u, strength, directions @ turn.T
