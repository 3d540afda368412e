"""Lists of recommendations, the input of the recommendation metrics in `definitions/`, and their likelihood.

`top` are (U, k) listings, -1 for an empty place at the end of a list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from etsyml_cli.core.types import F32, F64, I32, I64, Bools

UNIGRAM_SHARE = 0.01  # weight of the model in the mixture that perplexity evaluates: no favorite is impossible
PAIRS_AT_ONCE = 1 << 16

Csr = tuple[I64, I32]  # indptr, (U + 1,), and indices: those of user u are indices[indptr[u]:indptr[u + 1]]


@dataclass(frozen=True)
class RecommendedLists:
    """The lists of U users, top (U, k), and the data to evaluate them with.

    held_out: the favorites that a list should contain, at least one per user; train: the favorites that it excludes.
    favorites: (I,), the number of training favorites of each listing, by n_users users. shop_of: (I,), the shop of each
    listing, None if the listings table was not read.
    """

    top: I32
    held_out: Csr
    train: Csr
    favorites: I64
    n_users: int
    shop_of: I32 | None = None

    def hits(self) -> Bools:
        """Whether the listing at each place is a held-out favorite of the user, shape (U, k)."""
        return hits_of(self.top, *self.held_out)

    def held(self) -> I64:
        """The number of held-out favorites of each user, shape (U,)."""
        return np.diff(self.held_out[0])


def hits_of(top: I32, indptr: I64, indices: I32) -> Bools:
    """Which of `top` are among that user's own listings (CSR), for example held-out favorites."""
    n_listings = int(max(top.max(initial=0), indices.max(initial=0))) + 1
    users = np.arange(len(top))
    held_out = np.repeat(users, np.diff(indptr)) * n_listings + indices
    return np.isin(users[:, None] * n_listings + top, held_out) & (top >= 0)


def mean_of_places(values: F64 | Bools, top: I32) -> F64:
    """The mean over each user's list of `values`, (U, k); every list contains at least one listing."""
    filled = top >= 0
    mean: F64 = np.where(filled, values, 0).sum(axis=1) / filled.sum(axis=1)
    return mean


def lists_of_users(top: I32, n_listings: int) -> sparse.csr_array:
    """(I, U) ones where a listing is in a user's list: times (U,) draws, it counts recommendations."""
    user, place = np.nonzero(top >= 0)
    return sparse.csr_array((np.ones(len(user), np.int64), (top[user, place], user)), (n_listings, len(top)))


def log_likelihood(
    theta: F32,
    beta: F32,
    unigram: F64,
    users: I64,
    listings: I32,
) -> F64:
    """log[.99 theta_u beta_w + .01 unigram_w] of each of P favorites (u, w); all of one shape (P,).

    theta: (U, K), of the training favorites only (document completion: Wallach et al., ICML 2009, section 5); beta: (K,
    I); unigram: (I,), the listings' shares of the training favorites.
    """
    log_p = np.empty(len(users))
    for start in range(0, len(users), PAIRS_AT_ONCE):
        block = slice(start, start + PAIRS_AT_ONCE)
        u, w = users[block], listings[block]
        p = np.einsum("pk,kp->p", theta[u], beta[:, w], dtype=np.float64)
        log_p[block] = np.log((1 - UNIGRAM_SHARE) * p + UNIGRAM_SHARE * unigram[w])
    return log_p
