"""The loss over all pairs of a page, without a list of pairs."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def pair_loss(
    s: NDArray[np.float64], y: NDArray[np.int8], offsets: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """log(1 + exp(−w·(d⁺ − d⁻))) (Lynch et al., KDD'16, Algorithm 2; Burges et al., ICML'05, eq. 3) over all pairs.

    s: scores w·d, shape (N,); y: levels from 0 up, shape (N,); page q: rows `offsets[q]:offsets[q + 1]`. A pair is two
    rows of one page with y_i > y_j. The sign that Algorithm 2 draws for a pair changes no loss, so none is drawn.
    Each pair weighs 1 / (pairs of its page): pages count alike, as in the metrics, however many clicks they have.
    Returns the mean over the pages that have a pair, and λ = ∂loss/∂s, shape (N,), so that ∂loss/∂w = Dᵀλ.
    """
    loss = 0.0
    λ = np.zeros(len(s))
    pages = 0
    for q in range(len(offsets) - 1):
        pairs = 0
        page_loss = 0.0
        for i in range(offsets[q], offsets[q + 1]):
            if y[i] == 0:  # stands above nothing
                continue
            for j in range(offsets[q], offsets[q + 1]):
                if y[i] > y[j]:
                    margin = s[i] - s[j]
                    e = math.exp(-abs(margin))
                    page_loss += math.log1p(e) + max(-margin, 0.0)
                    σ = (e if margin > 0 else 1.0) / (1.0 + e)  # of −margin
                    λ[i] -= σ
                    λ[j] += σ
                    pairs += 1
        if pairs > 0:
            pages += 1
            loss += page_loss / pairs
            λ[offsets[q] : offsets[q + 1]] /= pairs
    if pages == 0:
        return 0.0, λ
    return loss / pages, λ / pages
