"""Fit a linear pairwise ranker by stochastic gradient descent in batches of pages, in a new order on every pass.

After Sculley, Large Scale Learning to Rank (NIPS workshop, 2009), with all pairs of a page instead of one pair and a
learning rate per weight (AdaGrad: Duchi, Hazan, Singer, JMLR 2011). The cost of a step is proportional to the number of
nonzero features of its rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F64
from etsyml_cli.search.model.blocks import Block
from etsyml_cli.search.model.fit import Fitted, Objective, expect_finite, penalty
from etsyml_cli.search.model.pairs import Pages, pair_loss
from etsyml_cli.search.model.score import Blocks, Weights, score, take

PAGES_AT_ONCE = 64
RATE = 4.0  # maximum change of a block's part of a score by AdaGrad's first step, which changes all weights equally
ROWS_SEEN = 1024  # enough to estimate the size of a block's rows
SETTLED = 0.01
TINY = 1e-12  # keeps the rate of a block of zeros finite


def descend(pages: Pages, blocks: Blocks, l2: Mapping[str, float], objective: Objective, *, start: Weights) -> Fitted:
    """The weights of the blocks after `passes` over the pages from `start`; every page has a pair.

    They minimize the same objective as `fit`. One batch of features is in memory at a time, and four numbers per
    weight. Rates decrease linearly to zero (Defazio et al., 2023), which makes averaging of weights unnecessary. The
    result's `passes` are the mean loss of the pages when they were visited plus the L2 after the pass; it has converged
    if the last pass gained less than SETTLED. The result does not depend on the number of threads. Raises DataError if
    a feature is not a finite number.
    """
    of_blocks = {name: _start(blocks[name], w, len(pages.level)) for name, w in start.items()}
    weights = {name: of_block.w for name, of_block in of_blocks.items()}
    blocks = {name: blocks[name] for name in start}
    n_pages = len(pages.offsets) - 1
    n_batches = -(-n_pages // PAGES_AT_ONCE)
    found, shares = [], 0.0
    with threadpool_limits(1, user_api="blas"):  # the order of sums is the same on every machine
        for number in range(objective.passes):
            order = generator(objective.seed, "descent", number).permutation(n_pages)
            total = 0.0
            for step, chosen in enumerate(np.array_split(order, n_batches), start=number * n_batches):
                few = take(blocks, pages.rows(chosen))
                loss, of_rows = _loss(weights, pages.take(chosen), few, objective)
                total += loss * len(chosen)
                share = 1 - step / (objective.passes * n_batches)
                shares += share
                for name, of_block in of_blocks.items():
                    _step(*few[name].addends(of_rows), share, shares, l2[name], *of_block)
            found.append(total / n_pages + penalty(weights, l2))
        value = _loss(weights, pages, blocks, objective)[0] + penalty(weights, l2)
    settled = len(found) > 1 and found[-2] - found[-1] < SETTLED * found[-1]
    return Fitted(weights, value, objective.passes, settled, tuple(found))


def _loss(weights: Weights, pages: Pages, blocks: Blocks, objective: Objective) -> tuple[float, F64]:
    loss, of_rows = pair_loss(score(weights, blocks), pages, pairs=objective.pairs, loss=objective.loss)
    expect_finite(loss)
    return loss, of_rows


class _OfBlock(NamedTuple):
    """The state of the descent of one block: arrays of shape (width,), changed in place."""

    rate: float  # of the first step
    w: F64
    squares: F64  # the sum of the squared gradients
    charged: F64  # the sum of the shares of the rate for which the L2 was applied
    gradient: F64  # zeros between steps


def _start(block: Block, w: F64, n_rows: int) -> _OfBlock:
    """Initialize the state; the rate follows from the size of the block's rows, so it needs no tuning."""
    rows = np.linspace(0, n_rows - 1, min(n_rows, ROWS_SEEN)).astype(np.int64)
    length = float(abs(block.take(rows).matrix()).sum()) / len(rows)
    return _OfBlock(RATE / max(length, TINY), w.copy(), np.zeros_like(w), np.zeros_like(w), np.zeros_like(w))


@njit(cache=True, nogil=True)
def _step(columns, values, share, shares, l2, rate, w, squares, charged, gradient):  # type: ignore[no-untyped-def]
    """Apply AdaGrad's step to the columns of these gradient addends, and the L2 since each column's last step.

    The L2 is applied afterwards: this gives the same weights, except for the last gap, and no row waits for it.
    """
    for k in range(len(columns)):
        gradient[columns[k]] += values[k]
    for k in range(len(columns)):
        j = columns[k]
        squares[j] += gradient[j] ** 2
        if gradient[j] != 0 and squares[j] > 0:  # the square of a tiny gradient underflows
            of_weight = rate / math.sqrt(squares[j])
            w[j] -= share * of_weight * gradient[j]
            w[j] *= math.exp(-l2 * of_weight * (shares - charged[j]))
            charged[j] = shares
        gradient[j] = 0.0
