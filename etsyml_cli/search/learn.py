"""Choose the l2 of every variant on validation pages and fit its weights."""

from __future__ import annotations

import math
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.log import Advance, logger, progress
from etsyml_cli.core.rng import generator
from etsyml_cli.metrics.definitions.ndcg import ndcg
from etsyml_cli.metrics.ranking import rank_pages
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.model.choose import Trial, choose_l2, fit_on_all, with_pairs
from etsyml_cli.search.model.fit import Objective
from etsyml_cli.search.model.pairs import Pages
from etsyml_cli.search.model.score import Blocks, Weights, score, take, variants_of
from etsyml_cli.splits.days import TRAIN, VALID

CUTOFF = 10
ROUNDING = 1e-12  # of scores, relative to the largest one


class FittedVariant(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The chosen l2 of a variant's blocks, its value on the validation pages, and the final fit on all pages.

    `value` is NaN without validation pages; `passes` are the objective's values per pass of the solver `descent`.
    """

    l2: dict[str, float]
    value: float
    objective: float
    iterations: int
    settled: bool
    passes: tuple[float, ...] = ()
    tried: list[Trial]


class Validation(msgspec.Struct, kw_only=True, frozen=True):
    """The results of the variants on the validation pages with a click, `pages` of them."""

    metric: str
    pages: int
    variants: dict[str, FittedVariant]


def learn_weights(
    pages: Pages,
    blocks: Blocks,
    part: NDArray[np.int8],
    id_order: NDArray[np.int64],
    grid: tuple[float, ...],
    objective: Objective,
) -> tuple[dict[str, Weights], Validation]:
    """The weights of each variant whose blocks exist, and its validation results.

    `part` is the set of each page, `id_order` the tie order of the rows, `grid` the candidates of l2. Raises DataError
    if no training page has a pair, or if all rows of each page have the same features.
    """
    train, train_blocks = with_pairs(pages.take(part == TRAIN), take(blocks, pages.rows(part == TRAIN)), objective)
    if not len(train.level):
        raise DataError(
            "no search page of the training set has both a stronger and a weaker event",
            hint="Training needs pages with clicked and ignored listings. Check that the event column contains clicks.",
        )
    _expect_differences(train, train_blocks)
    clicked = np.maximum.reduceat(pages.level, pages.offsets[:-1]) > 0
    validation = (part == VALID) & clicked
    rows = pages.rows(validation)
    measure = partial(
        _validation_ndcg, valid=pages.take(validation), blocks=take(blocks, rows), id_order=id_order[rows]
    )
    everything = with_pairs(pages, blocks, objective)
    weights, fitted_variants = {}, {}
    for variant, names in variants_of(blocks).items():
        logger.info("fitting the %s ranker", variant)
        with progress(f"strengths of the {variant} ranker", None) as advance:

            def measure_next(weights: Weights, advance: Advance = advance) -> float:
                advance(1)
                return measure(weights)

            best, tried = choose_l2(train, train_blocks, names, grid, objective, measure_next)
        fitted = fit_on_all(*everything, best.l2, objective, what=variant)
        weights[variant] = fitted.weights
        fitted_variants[variant] = FittedVariant(
            l2=best.l2,
            value=best.value,
            objective=fitted.value,
            iterations=fitted.iterations,
            settled=fitted.settled,
            passes=fitted.passes,
            tried=tried,
        )
    return weights, Validation(metric=f"ndcg@{CUTOFF}", pages=int(validation.sum()), variants=fitted_variants)


def _expect_differences(pages: Pages, blocks: Blocks) -> None:
    """Raises DataError if all rows of each page have the same features, and so the same score with any weights."""
    starts = pages.offsets[:-1]
    for name, block in blocks.items():
        scores = block.scores(generator(0, "random weights", name).standard_normal(block.width))
        spread = np.maximum.reduceat(scores, starts) - np.minimum.reduceat(scores, starts)
        if spread.max() > ROUNDING * np.abs(scores).max():
            return
    raise DataError(
        f"all rows of a page have the same features, on each of {len(starts):,} training pages: nothing to learn from",
        hint="Training needs features that differ between the rows of a page, such as words of titles.",
    )


def objective_of(config: LtrConfig, seed: int) -> Objective:
    """The objective of a configuration. Raises UsageError if its solver does not support l1."""
    if config.solver == "descent" and config.l1:
        raise UsageError("solver: descent does not support l1", hint="Set l1 to 0, or solver to lbfgs.")
    return Objective(config.pairs, config.loss, config.l1, config.solver, config.max_iterations, config.passes, seed)


def _validation_ndcg(weights: Weights, *, valid: Pages, blocks: Blocks, id_order: NDArray[np.int64]) -> float:
    """Mean nDCG of the pages of `valid`, all with a click; NaN without pages, so that the first l2 is kept."""
    if len(valid.level) == 0:
        return math.nan
    ranked = rank_pages(score(weights, blocks), valid.level.astype(np.float64), valid.offsets, id_order)
    return float(ndcg(ranked, CUTOFF).mean())
