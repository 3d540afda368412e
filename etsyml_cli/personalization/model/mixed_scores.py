"""Weighted sums of the scores of several recommenders for a block of users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from etsyml_cli.core.types import F32, F64
from etsyml_cli.personalization.model.deviations import LOWEST, deviations
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.inner_products import EPSILON
from etsyml_cli.personalization.model.top_k import BlockScores


@dataclass(frozen=True)
class MixedScores:
    """Scores of B users: Σ factor · score over M blocks of scores; -inf of one of them excludes a listing.

    factors: (B, M). rounding: (B,).
    """

    approximate: F32
    rounding: F64
    blocks: Sequence[BlockScores]
    factors: F64

    @classmethod
    def of(cls, blocks: Sequence[BlockScores], weights: Sequence[float]) -> MixedScores:
        """The mix with these weights, M, of the scores divided by their standard deviation."""
        factors = np.stack([weight * inverse(block.deviation()) for block, weight in zip(blocks, weights, strict=True)])
        total = np.zeros_like(blocks[0].approximate)
        rounding = np.zeros(len(total))
        for block, factor in zip(blocks, factors, strict=True):
            _add(total, block.approximate, factor.astype(np.float32))
            rounding += factor * (block.rounding + 2 * (len(blocks) + 1) * EPSILON * _largest(block.approximate))
        return cls(total, rounding, blocks, factors.T)

    def exact(self, candidates: Favorites) -> F32:
        factors, total = self.factors[candidates.users()], np.zeros(len(candidates.indices))
        for number, block in enumerate(self.blocks):
            scores = block.exact(candidates).astype(np.float64)
            excluded = np.isneginf(scores)
            total += np.where(excluded, -np.inf, factors[:, number] * np.where(excluded, 0, scores))
        return total.astype(np.float32)

    def deviation(self) -> F64:
        return deviations(self.approximate)


def inverse(deviation: F64) -> F64:
    """1 / deviation; 0 for scores that are all equal."""
    return np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)


def _largest(scores: F32) -> F32:
    """The largest absolute score of each user, without -inf."""
    lowest = scores.min(axis=1)
    if np.isneginf(lowest).any():
        lowest = np.where(np.isneginf(scores), 0, scores).min(axis=1)
    return np.asarray(np.maximum(np.abs(lowest), np.abs(scores.max(axis=1, initial=LOWEST))))


@njit(cache=True, nogil=True)
def _add(total, scores, factor):  # type: ignore[no-untyped-def]
    """Add factor · scores to total, (B, I); a factor of 0 leaves -inf as it is."""
    for row in range(len(scores)):
        s, sums, times = scores[row], total[row], factor[row]
        if times == 0:
            for i in range(len(s)):
                if s[i] < LOWEST:
                    sums[i] = s[i]
        else:
            for i in range(len(s)):
                sums[i] += times * s[i]
