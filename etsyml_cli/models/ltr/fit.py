"""Fit a linear pairwise ranker: all pairs of each page, L2 per block, L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.models.ltr.pairs import pair_loss
from etsyml_cli.models.ltr.score import OVERLAP, Blocks, Floats, Weights, score


@dataclass(frozen=True)
class Pages:
    """N shown listings of Q pages: listing (N,), level of the event (N,), overlap (N, 3); offsets (Q + 1,)."""

    listing: NDArray[np.int64]
    level: NDArray[np.int8]
    overlap: Floats
    offsets: NDArray[np.int64]

    def take(self, pages: NDArray[np.bool_]) -> Pages:
        """Those of the pages that `pages`, shape (Q,), says."""
        sizes = np.diff(self.offsets)
        rows = np.repeat(pages, sizes)
        offsets = np.concatenate([[0], np.cumsum(sizes[pages])])
        return Pages(self.listing[rows], self.level[rows], self.overlap[rows], offsets)


def count_pairs(pages: Pages) -> NDArray[np.int64]:
    """How many pairs of a stronger and a weaker event each page holds, shape (Q,)."""
    page = np.repeat(np.arange(len(pages.offsets) - 1), np.diff(pages.offsets))
    levels = np.zeros((len(pages.offsets) - 1, int(pages.level.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(levels, (page, pages.level), 1)
    weaker = np.cumsum(levels, axis=1) - levels
    pairs: NDArray[np.int64] = (levels * weaker).sum(axis=1)
    return pairs


def objective(weights: Weights, pages: Pages, blocks: Blocks, l2: Mapping[str, float]) -> tuple[float, Weights]:
    """pair_loss + Σ over blocks of l2/2 · |w|², and its gradient for each block.

    A block's l2 is also its weight beside the others: scaling its features by a is dividing its l2 by a².
    """
    loss, row_gradient = pair_loss(score(weights, blocks, pages.overlap, pages.listing), pages.level, pages.offsets)
    gradient = {}
    for name, w in weights.items():
        if name == OVERLAP:
            of_data = pages.overlap.T @ row_gradient
        else:
            per_listing = np.bincount(pages.listing, weights=row_gradient, minlength=blocks[name].shape[0])
            of_data = blocks[name].rmatvec(per_listing)
        gradient[name] = of_data + l2[name] * w
        loss += 0.5 * l2[name] * float(w @ w)
    return loss, gradient


def fit(pages: Pages, blocks: Blocks, l2: Mapping[str, float], *, start: Weights, max_iterations: int) -> Weights:
    """The weights of the blocks in `start` that minimise `objective`, sought from there.

    Raises DataError where the features hold a number that is not finite.
    """
    names = list(start)
    cuts = np.cumsum([len(start[name]) for name in names])[:-1]

    def of_vector(vector: Floats) -> tuple[float, Floats]:
        weights = dict(zip(names, np.split(vector, cuts), strict=True))
        loss, gradient = objective(weights, pages, blocks, l2)
        if not np.isfinite(loss):
            raise DataError("a feature of a shown listing is not a finite number", hint="Extract the photos again.")
        return loss, np.concatenate([gradient[name] for name in names])

    vector = np.concatenate([start[name] for name in names])
    # one BLAS thread: the sums keep their order on any machine, and for vectors more threads only cost CPU
    with threadpool_limits(1, user_api="blas"):
        found = minimize(of_vector, vector, jac=True, method="L-BFGS-B", options={"maxiter": max_iterations})
    if found.nit >= max_iterations:
        logger.info("stopped after %d iterations, before the ranker had settled", found.nit)
    return dict(zip(names, np.split(found.x, cuts), strict=True))
