"""The parameters of LDA, which all engines return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LdaParameters:
    """A style profile per user, a distribution over listings per style, and the two priors.

    theta: (U, K) float32, rows sum to 1. beta: (K, I) float32, rows sum to 1. alpha: (K,) float32, the learned prior of
    theta. eta: the prior of beta.
    """

    theta: NDArray[np.float32]
    beta: NDArray[np.float32]
    alpha: NDArray[np.float32]
    eta: float


@dataclass(frozen=True)
class Start:
    """Styles to continue from: beta, (K, J), of J listings, alpha, (K,), eta, and shares of the favorites, (K,).

    listing: (I,), the index of each listing of the new training set among the J, or -1 if it is new.
    """

    beta: NDArray[np.float32]
    alpha: NDArray[np.float32]
    eta: float
    share: NDArray[np.float32]
    listing: NDArray[np.int64]


def one_style(counts: NDArray[np.int64], n_users: int) -> LdaParameters:
    """Popularity as LDA with one style for all users: beta is the unigram of `counts`, shape (I,)."""
    unigram = (counts / counts.sum()).astype(np.float32)
    return LdaParameters(
        theta=np.ones((n_users, 1), np.float32), beta=unigram[None], alpha=np.ones(1, np.float32), eta=0.0
    )
