"""Reduction of dense features by a truncated SVD of the centered matrix (principal components)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.types import F64

Rows = NDArray[Any]  # (N, D) of any float type

EPSILON = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Svd:
    """A mean, shape (D,), and `dim` orthonormal components, shape (dim, D), the strongest first."""

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    explained: float  # share of the variance that the components keep

    def project(self, rows: Rows) -> NDArray[np.float32]:
        """Reduce features (N, D) to (N, dim)."""
        with threadpool_limits(1, user_api="blas"):
            reduced = (rows.astype(np.float64) - self.mean) @ self.components.T
        return reduced.astype(np.float32)


def fit_svd(blocks: Iterable[Rows], dim: int) -> Svd:
    """The SVD with the `dim` directions of largest variance of the rows of all blocks, each (N, D).

    One pass, with memory for a few D x D matrices. The same blocks give the same bytes. Raises UsageError if dim is
    larger than D; DataError if there are too few rows, if they vary in fewer than dim directions, or if a feature is
    not a finite number.
    """
    import scipy.linalg  # slow to import, and not needed without photos

    # one BLAS thread: the order of sums is the same on every machine
    with threadpool_limits(1, user_api="blas"):
        n, mean, scatter = _moments(blocks)
        if n <= dim:
            raise DataError(f"{dim} dimensions need more than {dim} photos, found {n}", hint="Use a smaller --dim.")
        if dim > len(mean):
            raise UsageError(f"dim: {dim} is more than the {len(mean)} features of a photo", hint="Ask for fewer.")
        width, total = len(mean), float(np.trace(scatter))
        variances, vectors = scipy.linalg.eigh(scatter, subset_by_index=(width - dim, width - 1), overwrite_a=True)
    strength, components = variances[::-1], vectors.T[::-1]
    rank = int(np.sum(strength > max(width * EPSILON * strength[0], n * (EPSILON * np.linalg.norm(mean)) ** 2)))
    if rank < dim:
        raise DataError(
            f"the {n} photos vary in {rank} directions only, fewer than {dim} dimensions",
            hint=f"Use --dim {rank} or less." if rank else "Leave out --dim: all photos have the same features.",
        )
    return Svd(mean.astype(np.float32), _with_fixed_signs(components).astype(np.float32), float(strength.sum() / total))


def _moments(blocks: Iterable[Rows]) -> tuple[int, F64, F64]:
    """The number of rows, their mean (D,) and their scatter matrix (D, D).

    Chan, Golub & LeVeque 1979, eq. 2.1: blocks are centered on their own means and joined by the difference of the
    means, so that a mean that is large compared with the spread costs no digits.
    """
    n, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        if not n:
            mean, scatter = np.zeros(block.shape[1]), np.zeros((block.shape[1], block.shape[1]))
        if not len(block):
            continue
        rows = block.astype(np.float64)
        if not np.isfinite(rows).all():
            raise DataError("a feature of a photo is not a finite number", hint="Extract the photos again.")
        mean_here = rows.mean(axis=0)
        step = mean_here - mean
        joined = n + len(rows)
        between = np.sqrt(n * len(rows) / joined) * step
        centred = np.vstack([rows - mean_here, between])
        scatter += centred.T @ centred
        mean += len(rows) / joined * step
        n = joined
    return n, mean, scatter


def _with_fixed_signs(components: F64) -> F64:
    """The components with positive entries of largest magnitude, because an SVD does not determine the signs."""
    largest = np.abs(components).argmax(axis=1)
    signs: F64 = np.sign(components[np.arange(len(components)), largest])
    return components * signs[:, None]
