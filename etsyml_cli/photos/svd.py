"""Fewer numbers a photo: dense features reduced by a truncated SVD of the centred matrix (principal components)."""

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
    """The `dim` directions in which the rows of all blocks, each (N, D), vary most.

    One pass, with memory for a few D x D matrices whatever the number of rows. The same blocks give the same bytes.
    Raises UsageError where dim is above D; DataError where the rows are too few or vary in fewer directions than
    dim, or where a feature is not a finite number.
    """
    import scipy.linalg  # loaded where it is used: who trains a click model without photos need not wait for it

    # one BLAS thread: the sums keep their order on any machine
    with threadpool_limits(1, user_api="blas"):
        n, mean, scatter = _moments(blocks)
        if n <= dim:
            raise DataError(f"{dim} dimensions need more than {dim} photos, here are {n}", hint="Use a smaller --dim.")
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
    """How many rows there are, their mean (D,) and their scatter about it (D, D).

    Chan, Golub & LeVeque 1979, eq. 2.1: blocks are centred on their own means and joined by the difference of the
    means, so a mean that is large beside the spread costs no digits.
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
    """Turned so that the entry of largest magnitude of each component is positive: an SVD leaves the sign open."""
    largest = np.abs(components).argmax(axis=1)
    signs: F64 = np.sign(components[np.arange(len(components)), largest])
    return components * signs[:, None]
