"""Choose each block's L2 on pages that were set aside for it, then fit on all pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import msgspec
import numpy as np

from etsyml_cli.models.ltr.fit import Pages, count_pairs, fit
from etsyml_cli.models.ltr.score import OVERLAP, Blocks, Weights

OVERLAP_L2 = 1e-6  # a few weights need no shrinking; this only keeps the best ones unique


class Tried(msgspec.Struct, frozen=True):
    """What a combination of L2s, one a block, reached on the validation pages."""

    l2: dict[str, float]
    value: float


def combinations(blocks: Sequence[str], l2: Sequence[float]) -> list[dict[str, float]]:
    """Every combination of L2s over the blocks, the strongest first."""
    choices = [[OVERLAP_L2] if block == OVERLAP else sorted(l2, reverse=True) for block in blocks]
    return [dict(zip(blocks, values, strict=True)) for values in product(*choices)]


def choose_and_fit(
    train: Pages,
    train_and_valid: Pages,
    blocks: Blocks,
    candidates: Sequence[Mapping[str, float]],
    *,
    judge: Callable[[Weights], float],
    max_iterations: int,
) -> tuple[Weights, Tried, list[Tried]]:
    """Fit each candidate on `train`, keep the one that `judge` values most (the first of equals), fit it on all.

    Returns its weights, what it reached, and what all reached. Each fit starts from the last one's weights.
    """
    train, train_and_valid = (pages.take(count_pairs(pages) > 0) for pages in (train, train_and_valid))
    sizes = {name: block.shape[1] for name, block in blocks.items()} | {OVERLAP: train.overlap.shape[1]}
    weights = {name: np.zeros(sizes[name]) for name in candidates[0]}
    tried = []
    for l2 in candidates:
        weights = fit(train, blocks, l2, start=weights, max_iterations=max_iterations)
        tried.append(Tried(dict(l2), judge(weights)))
    best = max(tried, key=lambda one: one.value)
    return fit(train_and_valid, blocks, best.l2, start=weights, max_iterations=max_iterations), best, tried
