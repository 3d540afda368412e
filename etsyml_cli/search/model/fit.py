"""Fit a linear pairwise ranker on all pairs of each page, with L1 and an L2 per block, by L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64
from etsyml_cli.search.model.pairs import Loss, Pages, PairKind, pair_loss
from etsyml_cli.search.model.score import Blocks, Weights, score

Solver = Literal["lbfgs", "descent"]


@dataclass(frozen=True)
class Objective:
    """The objective without the L2s (pairs, loss, L1), the solver and its limits."""

    pairs: PairKind = "all"
    loss: Loss = "logistic"
    l1: float = 0.0
    solver: Solver = "lbfgs"
    max_iterations: int = 100  # of L-BFGS
    passes: int = 10  # of descent, over all pages
    seed: int = 0  # of the pages' order in descent


@dataclass(frozen=True)
class Fitted:
    """The weights, the objective's value, the number of iterations or passes, and whether they converged.

    `passes` are the objective's values on each pass of descent.
    """

    weights: Weights
    value: float
    iterations: int
    settled: bool
    passes: tuple[float, ...] = ()


def loss_of(
    weights: Weights, pages: Pages, blocks: Blocks, l2: Mapping[str, float], objective: Objective
) -> tuple[float, Weights]:
    """Pair_loss + Σ over blocks of l2/2 · |w|², without the L1, and its gradient for each block.

    A block's l2 is also its weight relative to the others: scaling its features by a is dividing its l2 by a².
    """
    loss, of_rows = pair_loss(score(weights, blocks), pages, pairs=objective.pairs, loss=objective.loss)
    gradient = {name: blocks[name].sums(of_rows) + l2[name] * w for name, w in weights.items()}
    return loss + penalty(weights, l2), gradient


def penalty(weights: Weights, l2: Mapping[str, float]) -> float:
    """Σ over blocks of l2/2 · |w|²."""
    return sum(0.5 * l2[name] * float(w @ w) for name, w in weights.items())


def expect_finite(loss: float) -> None:
    """Raise DataError if the loss is not a finite number, because then a feature is not."""
    if not np.isfinite(loss):
        raise DataError("a feature of a shown listing is not a finite number", hint="Extract the photos again.")


def fit(pages: Pages, blocks: Blocks, l2: Mapping[str, float], objective: Objective, *, start: Weights) -> Fitted:
    """The weights of the blocks that minimize `loss_of` + l1 · |w|₁, starting from `start`.

    Memory grows with the rows and the features, not with the pairs. With an L1 each weight is u − v with u, v ≥ 0, so
    that the bounds of L-BFGS-B give exact zeros. Raises DataError if a feature is not a finite number.
    """
    names = list(start)
    cuts = np.cumsum([len(start[name]) for name in names])[:-1]
    l1 = objective.l1

    def smooth(vector: F64) -> tuple[float, F64]:
        weights = dict(zip(names, np.split(vector, cuts), strict=True))
        loss, gradient = loss_of(weights, pages, blocks, l2, objective)
        expect_finite(loss)
        return loss, np.concatenate([gradient[name] for name in names])

    def split(vector: F64) -> tuple[float, F64]:
        u, v = np.split(vector, 2)
        loss, gradient = smooth(u - v)
        return loss + l1 * float(vector.sum()), np.concatenate([gradient + l1, l1 - gradient])

    first = np.concatenate([start[name] for name in names])
    options = {"maxiter": objective.max_iterations}
    # one BLAS thread: the order of sums is the same on every machine, and vectors gain nothing from more threads
    with threadpool_limits(1, user_api="blas"):
        if l1:
            both = np.concatenate([np.maximum(first, 0), np.maximum(-first, 0)])
            found = minimize(split, both, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(both), options=options)
            vector = np.subtract(*np.split(found.x, 2))
        else:
            found = minimize(smooth, first, jac=True, method="L-BFGS-B", options=options)
            vector = found.x
    weights = dict(zip(names, np.split(vector, cuts), strict=True))
    return Fitted(weights, float(found.fun), int(found.nit), found.nit < objective.max_iterations)
