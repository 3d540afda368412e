"""How good lists of recommendations are: per user, over the catalog, and as a likelihood.

`top` are (U, k) listings, -1 for an empty place at the end of a list. `hits` are (U, k) booleans: whether the listing
at each rank of a user's list is one of the held-out favorites.
`held` is how many each user has, shape (U,), at least 1: what a list missed counts against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.vectors import unit_rows_in_double

UNIGRAM_SHARE = 0.01  # of the mixture that perplexity judges: no favorite is impossible
PAIRS_AT_ONCE = 1 << 16
HEAD_SHARE = 0.01  # of the listings, the most favorited ones, are no long tail

Top = NDArray[np.int32]
Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
PerUser = NDArray[np.float64]


def hits_of(top: NDArray[np.int32], indptr: NDArray[np.int64], indices: NDArray[np.int32]) -> Hits:
    """Which of `top` are among that user's own, held-out favorites for example (CSR)."""
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


def mean_of_places(values: PerUser | Hits, top: Top) -> PerUser:
    """The mean over each user's list of `values`, (U, k); every list holds a listing at least."""
    filled = top >= 0
    mean: PerUser = np.where(filled, values, 0).sum(axis=1) / filled.sum(axis=1)
    return mean


def in_long_tail(favorites: Counts) -> NDArray[np.float64]:
    """1 for each of I listings outside the HEAD_SHARE with the most `favorites`, (I,), ties by index as in lists."""
    head = np.argsort(favorites, kind="stable")[-math.ceil(HEAD_SHARE * len(favorites)) :]
    tail = np.ones(len(favorites))
    tail[head] = 0
    return tail


def surprise(favorites: Counts, n_users: int) -> NDArray[np.float64]:
    """-log2 of the share of n_users who favorited each of I listings (Vargas & Castells, RecSys'11).

    A listing without any `favorites`, (I,), counts as favorited by one: the log of 0 would outweigh all else.
    """
    bits: NDArray[np.float64] = -np.log2(np.maximum(favorites, 1) / n_users)
    return bits


def of_shops(top: Top, shop_of: NDArray[np.int32], indptr: NDArray[np.int64], indices: NDArray[np.int32]) -> Hits:
    """Which of `top` are from a shop, shop_of (I,), of one of that user's favorites (CSR)."""
    return hits_of(np.where(top >= 0, shop_of[top], -1), indptr, shop_of[indices])


def lists_of_users(top: Top, n_listings: int) -> sparse.csr_array:
    """(I, U) ones where a listing is in a user's list: times (U,) users drawn, how often each is recommended."""
    user, place = np.nonzero(top >= 0)
    return sparse.csr_array((np.ones(len(user), np.int64), (top[user, place], user)), (n_listings, len(top)))


def coverage(times: Counts) -> float:
    """Share of the catalog that is in anyone's list; times, (I,): in how many lists each listing is."""
    return float((times > 0).mean())


def gini(times: Counts) -> float:
    """Gini coefficient of `times`, (I,), in how many lists each listing is: 0 all alike, 1 - 1/I one in all.

    Sum over pairs of |x_i - x_j| / (2 I^2 mean x), by ranks (Damgaard & Weiner, Ecology 2000).
    """
    n = len(times)
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ np.sort(times) / (n * times.sum()))


OVER_LISTINGS: dict[str, Callable[[Counts], float]] = {"coverage": coverage, "gini": gini}


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
    cosines = unit_rows_in_double(planted) @ unit_rows_in_double(learned).T
    best: PerUser = cosines.max(axis=1)
    return best
