"""Choose and fit the weights of every variant on pages and blocks of features, wherever these came from."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.log import Advance, logger, progress
from etsyml_cli.metrics.definitions.ndcg import ndcg
from etsyml_cli.metrics.ranking import rank_pages
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.model.choose import choose_l2, fit_on_all, with_pairs
from etsyml_cli.search.model.fit import Objective
from etsyml_cli.search.model.pairs import Pages
from etsyml_cli.search.model.score import Blocks, Weights, score, take, variants_of
from etsyml_cli.splits.days import TRAIN, VALID

JUDGED_AT = 10


def learn_weights(
    pages: Pages,
    blocks: Blocks,
    part: NDArray[np.int8],
    id_order: NDArray[np.int64],
    grid: tuple[float, ...],
    objective: Objective,
) -> tuple[dict[str, Weights], dict[str, Any]]:
    """The weights of each variant whose blocks there are, and what the validation pages said of it."""
    train, train_blocks = with_pairs(pages.take(part == TRAIN), take(blocks, pages.rows(part == TRAIN)), objective)
    if not len(train.level):
        raise DataError(
            "no search page of the training part holds both a stronger and a weaker event",
            hint="The ranker learns from clicked and ignored listings of one page. Does the column event hold clicks?",
        )
    clicked = np.maximum.reduceat(pages.level, pages.offsets[:-1]) > 0
    judged = (part == VALID) & clicked
    rows = pages.rows(judged)
    judge = partial(_validation_ndcg, valid=pages.take(judged), blocks=take(blocks, rows), id_order=id_order[rows])
    everything = with_pairs(pages, blocks, objective)
    weights, figures = {}, {}
    for variant, names in variants_of(blocks).items():
        logger.info("fitting the %s ranker", variant)
        with progress(f"strengths of the {variant} ranker", None) as advance:

            def judge_next(weights: Weights, advance: Advance = advance) -> float:
                advance(1)
                return judge(weights)

            best, tried = choose_l2(train, train_blocks, names, grid, objective, judge_next)
        fitted = fit_on_all(*everything, best.l2, objective, what=variant)
        weights[variant] = fitted.weights
        figures[variant] = {
            "l2": best.l2,
            "value": best.value,
            "objective": fitted.value,
            "iterations": fitted.iterations,
            "settled": fitted.settled,
            **({"passes": fitted.passes} if fitted.passes else {}),
            "tried": msgspec.to_builtins(tried),
        }
    return weights, {"metric": f"ndcg@{JUDGED_AT}", "pages": int(judged.sum()), "variants": figures}


def objective_of(config: LtrConfig, seed: int) -> Objective:
    """Raises UsageError where the solver knows no L1."""
    if config.solver == "descent" and config.l1:
        raise UsageError("solver: descent has no l1", hint="Set l1 to 0, or solver to lbfgs.")
    return Objective(config.pairs, config.loss, config.l1, config.solver, config.max_iterations, config.passes, seed)


def _validation_ndcg(weights: Weights, *, valid: Pages, blocks: Blocks, id_order: NDArray[np.int64]) -> float:
    """Mean over the pages of `valid`, all with a click; NaN of no page: nothing exceeds it, so the first l2 stays."""
    if len(valid.level) == 0:
        return math.nan
    ranked = rank_pages(score(weights, blocks), valid.level.astype(np.float64), valid.offsets, id_order)
    return float(ndcg(ranked, JUDGED_AT).mean())
