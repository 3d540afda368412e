"""Stochastic descent against itself written down plainly over a dense matrix, and against the optimum of L-BFGS."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.rng import generator
from etsyml_cli.search.model import descent as descent_module
from etsyml_cli.search.model.blocks import Rows
from etsyml_cli.search.model.choose import with_pairs
from etsyml_cli.search.model.descent import RATE, descend
from etsyml_cli.search.model.fit import Objective, fit, loss_of
from etsyml_cli.search.model.pairs import pair_loss
from tests.ltr_logs import BLOCKS, log_of, planted

AT_ONCE = 4
L2 = dict(zip(BLOCKS, [1e-4, 3e-3, 1e-2, 1e-3, 3e-2], strict=True))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(descent_module, "PAGES_AT_ONCE", AT_ONCE)


def small_log(n_pages=120):
    rng = np.random.default_rng(4)
    log = log_of(rng.integers(2, 9, n_pages).tolist(), rng)
    useful, blocks = with_pairs(log.pages, log.blocks, Objective())
    return useful, blocks, {name: block.matrix().toarray() for name, block in blocks.items()}


def zeros(blocks):
    return {name: np.zeros(block.width) for name, block in blocks.items()}


def plain_descent(pages, dense, w, l2, objective):
    """A weight waits for its next gradient with the L2 of all steps since the last one."""
    n_pages, n_rows = len(pages.offsets) - 1, len(pages.level)
    n_batches = -(-n_pages // AT_ONCE)
    squares, waiting = np.zeros_like(w), np.zeros_like(w)
    rate = RATE / np.abs(dense).sum(axis=1).mean()
    assert n_rows <= descent_module.ROWS_SEEN
    for number in range(objective.passes):
        order = generator(objective.seed, "descent", number).permutation(n_pages)
        for batch, chosen in enumerate(np.array_split(order, n_batches)):
            share = 1 - (number * n_batches + batch) / (objective.passes * n_batches)
            waiting += share
            rows = np.concatenate([np.arange(pages.offsets[q], pages.offsets[q + 1]) for q in chosen])
            gradient = dense[rows].T @ pair_loss(dense[rows] @ w, pages.take(chosen))[1]
            for j in np.flatnonzero(gradient):
                squares[j] += gradient[j] ** 2
                own_rate = rate / np.sqrt(squares[j])
                w[j] = (w[j] - share * own_rate * gradient[j]) * np.exp(-l2 * own_rate * waiting[j])
                waiting[j] = 0
    return w


@pytest.mark.parametrize("name", ["overlap", "text", "word_crosses", "photo_crosses"])
def test_equal_to_descent_over_a_dense_matrix(name):
    pages, blocks, dense = small_log()
    objective = Objective(solver="descent", passes=3, seed=5)
    start = np.random.default_rng(1).normal(size=blocks[name].width)
    found = descend(pages, blocks, L2, objective, start={name: start})
    expected = plain_descent(pages, dense[name], start.copy(), L2[name], objective)
    np.testing.assert_allclose(found.weights[name], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_it_reaches_the_optimum_within_the_tolerance(loss):
    pages, blocks, _ = small_log()
    best = fit(pages, blocks, L2, Objective(loss=loss, max_iterations=2000), start=zeros(blocks)).value
    nothing = loss_of(zeros(blocks), pages, blocks, L2, Objective(loss=loss))[0]
    gaps = []
    for passes in (5, 100):
        found = descend(pages, blocks, L2, Objective(loss=loss, passes=passes), start=zeros(blocks))
        assert found.value == pytest.approx(loss_of(found.weights, pages, blocks, L2, Objective(loss=loss))[0])
        assert len(found.passes) == found.iterations == passes
        gaps.append((found.value - best) / (nothing - best))
    assert 0 < gaps[1] < 0.02
    assert gaps[1] < 0.5 * gaps[0]
    assert found.settled


def test_the_scale_of_a_block_changes_nothing_where_its_l2_goes_along():
    pages, x, _ = planted(7, n_pages=100)
    one, other = (
        descend(pages, {"a": Rows(s * x)}, {"a": s * s * 1e-3}, Objective(), start={"a": np.zeros(8)})
        for s in (1, 1000)
    )
    np.testing.assert_allclose(1000 * other.weights["a"], one.weights["a"], rtol=1e-6)


def test_the_seed_alone_makes_the_difference():
    pages, blocks, _ = small_log()

    def weights(seed, threads=1):
        with threadpool_limits(threads):
            return descend(pages, blocks, L2, Objective(passes=2, seed=seed), start=zeros(blocks)).weights

    one, same, other = weights(1), weights(1, threads=2), weights(2)
    assert all(np.array_equal(one[name], same[name]) for name in BLOCKS)
    assert not np.array_equal(one["text"], other["text"])


def test_a_feature_that_is_not_finite_is_refused():
    pages, x, _ = planted(3, n_pages=20)
    x[0, 0] = np.nan
    with pytest.raises(DataError, match="not a finite number"):
        descend(pages, {"a": Rows(x)}, {"a": 1e-3}, Objective(), start={"a": np.zeros(8)})


def test_one_pass_is_never_called_enough():
    pages, blocks, _ = small_log()
    assert not descend(pages, blocks, L2, Objective(passes=1), start=zeros(blocks)).settled
