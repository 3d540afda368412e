"""Choose the L2 of each block on validation pages, then fit on all pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from etsyml_cli.core.log import logger
from etsyml_cli.search.model.blocks import Block
from etsyml_cli.search.model.descent import descend
from etsyml_cli.search.model.fit import Fitted, Objective, fit
from etsyml_cli.search.model.pairs import Pages, count_pairs
from etsyml_cli.search.model.score import OVERLAP, Blocks, Weights, take

OVERLAP_L2 = 1e-6  # few weights need no regularization; this makes the optimum unique


class Trial(msgspec.Struct, frozen=True):
    """A combination of L2s, one per block, and its value on the validation pages."""

    l2: dict[str, float]
    value: float


def with_pairs(pages: Pages, blocks: Blocks, objective: Objective) -> tuple[Pages, dict[str, Block]]:
    """The pages that have a pair, and the blocks of their rows."""
    useful = count_pairs(pages, objective.pairs) > 0
    return pages.take(useful), take(blocks, pages.rows(useful))


def choose_l2(
    pages: Pages,
    blocks: Blocks,
    names: tuple[str, ...],
    grid: tuple[float, ...],
    objective: Objective,
    validate: Callable[[Weights], float],
) -> tuple[Trial, list[Trial]]:
    """The best L2s and all that were tried: coordinate search on the grid while the metric improves.

    Every variant is searched in the same way from the same start, the strongest L2s, so none is tuned more than
    another. `pages` must have a pair. Each fit starts from the weights of the previous one.
    """
    strengths = sorted(grid, reverse=True)
    weights = zeros(blocks, names)
    seen: dict[tuple[int, ...], float] = {}

    def value(at: tuple[int, ...]) -> float:
        nonlocal weights
        if at not in seen:
            fitted = _solve(pages, blocks, l2_at(names, strengths, at), objective, start=weights)
            weights = fitted.weights
            seen[at] = validate(weights)
        return seen[at]

    at = (0,) * len(names)
    best = value(at)
    improved = True
    while improved:
        improved = False
        for place, name in enumerate(names):
            for step in (1, -1):
                while name != OVERLAP and 0 <= at[place] + step < len(strengths):
                    neighbor = (*at[:place], at[place] + step, *at[place + 1 :])
                    if not value(neighbor) > best:
                        break
                    at, best, improved = neighbor, seen[neighbor], True
    trials = [Trial(l2_at(names, strengths, place), value_at) for place, value_at in seen.items()]
    return Trial(l2_at(names, strengths, at), best), trials


def l2_at(names: tuple[str, ...], strengths: list[float], at: tuple[int, ...]) -> dict[str, float]:
    return {name: OVERLAP_L2 if name == OVERLAP else strengths[i] for name, i in zip(names, at, strict=True)}


def zeros(blocks: Blocks, names: tuple[str, ...]) -> Weights:
    return {name: np.zeros(blocks[name].width) for name in names}


def fit_on_all(pages: Pages, blocks: Blocks, l2: Mapping[str, float], objective: Objective, *, what: str) -> Fitted:
    """The weights that minimize the objective over pages with pairs, starting at zero; log non-convergence."""
    fitted = _solve(pages, blocks, l2, objective, start=zeros(blocks, tuple(l2)))
    if fitted.passes:
        logger.info("%s: objective %s on the passes", what, ", ".join(f"{value:.4f}" for value in fitted.passes))
    if not fitted.settled:
        rounds = "passes" if fitted.passes else "iterations"
        logger.info("%s: did not converge within %d %s", what, fitted.iterations, rounds)
    return fitted


def _solve(pages: Pages, blocks: Blocks, l2: Mapping[str, float], objective: Objective, *, start: Weights) -> Fitted:
    solve = {"lbfgs": fit, "descent": descend}[objective.solver]
    return solve(pages, blocks, l2, objective, start=start)
