"""How good lists of recommendations are: per user, over the catalogue, and as a likelihood.

`hits` are (U, k) booleans: whether the listing at each rank of a user's list is one of the held-out favorites.
`held` is how many each user has, shape (U,), at least 1: what a list missed counts against it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

UNIGRAM_SHARE = 0.01  # of the mixture that perplexity judges: no favorite is impossible
PAIRS_AT_ONCE = 1 << 16

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
PerUser = NDArray[np.float64]


def hits_of(top: NDArray[np.int32], indptr: NDArray[np.int64], indices: NDArray[np.int32]) -> Hits:
    """Which of the listings `top`, (U, k) indices with -1 for an empty place, are held-out ones of that user (CSR)."""
    n_listings = int(max(top.max(initial=0), indices.max(initial=0))) + 1
    users = np.arange(len(top))
    held_out = np.repeat(users, np.diff(indptr)) * n_listings + indices
    return np.isin(users[:, None] * n_listings + top, held_out) & (top >= 0)


def recall(hits: Hits, held: Counts) -> PerUser:
    """Share of the held-out favorites that the list holds."""
    found: PerUser = hits.sum(axis=1) / held
    return found


def hit(hits: Hits, held: Counts) -> PerUser:
    """1 where the list holds any held-out favorite, else 0."""
    return (recall(hits, held) > 0).astype(np.float64)


def ndcg(hits: Hits, held: Counts) -> PerUser:
    """Binary nDCG (Jarvelin & Kekalainen, 2002): sum of 1 / log2(rank + 1) at hits, over that of an ideal list."""
    discount = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(held, hits.shape[1]) - 1]
    found: PerUser = hits @ discount / ideal
    return found


def average_precision(hits: Hits, held: Counts) -> PerUser:
    """Mean over the held-out favorites of the precision at their rank, 0 for one that the list misses."""
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    found: PerUser = (precision * hits).sum(axis=1) / held
    return found


PER_USER: dict[str, Callable[[Hits, Counts], PerUser]] = {
    "recall": recall,
    "hit": hit,
    "ndcg": ndcg,
    "map": average_precision,
}


def coverage(top: NDArray[np.int32], n_listings: int) -> float:
    """Share of the catalogue that is in anyone's list. top: (U, k), -1 for an empty place."""
    recommended = np.zeros(n_listings + 1, bool)
    recommended[top.ravel()] = True  # -1 marks the extra place at the end
    return float(recommended[:-1].mean())


def log_likelihood(
    theta: NDArray[np.float32],
    beta: NDArray[np.float32],
    unigram: NDArray[np.float64],
    users: NDArray[np.int64],
    listings: NDArray[np.int32],
) -> PerUser:
    """log[.99 theta_u beta_w + .01 unigram_w] of each of P favorites (u, w); all of one shape (P,).

    theta: (U, K), of the training favorites alone (document completion: Wallach et al., ICML 2009, section 5);
    beta: (K, I); unigram: (I,), the listings' shares of the training favorites.
    """
    found = np.empty(len(users))
    for start in range(0, len(users), PAIRS_AT_ONCE):
        block = slice(start, start + PAIRS_AT_ONCE)
        u, w = users[block], listings[block]
        p = np.einsum("pk,kp->p", theta[u], beta[:, w], dtype=np.float64)
        found[block] = np.log((1 - UNIGRAM_SHARE) * p + UNIGRAM_SHARE * unigram[w])
    return found


def best_match_cosine(planted: NDArray[np.float64], learned: NDArray[np.float64]) -> PerUser:
    """For each planted style, (K, I), the cosine with the learned style, (L, I), that is most like it; shape (K,)."""
    cosines = _unit_rows(planted) @ _unit_rows(learned).T
    best: PerUser = cosines.max(axis=1)
    return best


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(rows, length, out=np.zeros_like(rows, np.float64), where=length > 0)
    return unit
