"""The loops of collapsed variational Bayes. Their results do not depend on the number of threads.

Users are independent of each other while the listings' counts are fixed, and each listing sums its own favorites in a
fixed order, so no two threads ever add to the same number.
"""

from __future__ import annotations

import os

import numpy as np
from numba import njit, prange

# Threads that spin while waiting take cores from working threads. OpenMP reads this at its first loop.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

USERS_AT_ONCE = 32  # that share a thread's scratch memory
# Rows of scratch memory are at least this many numbers apart, from each other and from other memory. If two are closer,
# a loop over them is not vectorized and adds in another order, so the last bit would depend on memory layout.
APART = 64
MAX_OWN_SHARE = np.float32(
    0.95
)  # a favorite's own share is subtracted from its listing's probability, but never all of it
IMPOSSIBLE = 1e-6  # below this probability of any favorite, the limit is used

_parallel = njit(cache=True, nogil=True, parallel=True, fastmath=True, error_model="numpy")
_one_thread = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
_inlined = njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")


@_inlined
def _digamma(x):  # type: ignore[no-untyped-def]
    """Ψ(x) for x > 0: the recurrence up to 6, then the asymptotic series (Abramowitz & Stegun 6.3.5, 6.3.18)."""
    below = 0.0
    while x < 6.0:
        below -= 1.0 / x
        x += 1.0
    f = 1.0 / (x * x)
    series = f * (1 / 12 - f * (1 / 120 - f * (1 / 252 - f * (1 / 240 - f / 132))))
    return below + np.log(x) - 0.5 / x - series


@_inlined
def _evidence(n, none, prior, at_prior):  # type: ignore[no-untyped-def]
    """E[ψ(prior + count) − ψ(prior)] for a count with mean n and P(count = 0) = `none`; at_prior is ψ(prior).

    It is P(count > 0) times the value at E[count | count > 0] (Teh, Newman, Welling, NIPS'06, eqs. 17-18).
    """
    some = 1.0 - none
    return some * (_digamma(prior + n / some) - at_prior) if some > IMPOSSIBLE else some / prior


@_parallel
def infer_users(  # type: ignore[no-untyped-def]
    users, at, indptr, listings, weight, user_counts, listing_counts, scale, eta, per_style, alpha, rounds, q, evidence
):
    """Infer the styles of B users' favorites with the listings' counts held fixed.

    at: (B + 1,), the offsets of each user's favorites in q, (favorites, K), which is set to weight · P(style).
    user_counts: (U, K), updated for these users. listing_counts: (I, K), multiplied by `scale`. per_style: (K,), 1 /
    (N_k + I·η). evidence: (blocks, K) is set to the evidence for alpha, unless it has no rows.
    """
    K = len(alpha)
    for block in prange((len(users) + USERS_AT_ONCE - 1) // USERS_AT_ONCE):
        first, end = block * USERS_AT_ONCE, min((block + 1) * USERS_AT_ONCE, len(users))
        most = 0
        for i in range(first, end):
            most = max(most, at[i + 1] - at[i])
        scratch = np.empty((most + 6, K + APART), np.float32)
        n, fresh, g, none, p = scratch[1], scratch[2], scratch[3], scratch[4], scratch[5:]
        at_alpha = np.empty(K)
        for k in range(K if len(evidence) else 0):
            at_alpha[k] = _digamma(alpha[k])
        for i in range(first, end):
            u = users[i]
            start, length = indptr[u], at[i + 1] - at[i]
            for j in range(length):
                w = listings[start + j]
                for k in range(K):
                    p[j, k] = (scale * listing_counts[w, k] + eta) * per_style[k]
            for k in range(K):
                n[k] = user_counts[u, k] + alpha[k]
            for turn in range(rounds):
                for k in range(K):
                    fresh[k] = alpha[k]
                for j in range(length):
                    total = np.float32(0)
                    for k in range(K):
                        g[k] = n[k] * p[j, k]
                        total += g[k]
                    own = min(weight[start + j], np.float32(1)) / total
                    total = np.float32(0)
                    for k in range(K):
                        x = g[k] * own
                        g[k] = max(n[k] - x, alpha[k]) * (p[j, k] - min(x * per_style[k], MAX_OWN_SHARE * p[j, k]))
                        total += g[k]
                    share = weight[start + j] / total
                    if turn == rounds - 1:
                        for k in range(K):
                            q[at[i] + j, k] = g[k] * share
                            fresh[k] += g[k] * share
                    else:
                        for k in range(K):
                            fresh[k] += g[k] * share
                for k in range(K):
                    n[k] = fresh[k]
            for k in range(K):
                user_counts[u, k] = n[k] - alpha[k]
            if len(evidence):
                none[:] = 1
                for j in range(length):
                    for k in range(K):
                        none[k] *= 1 - min(q[at[i] + j, k], np.float32(1))
                for k in range(K):
                    evidence[block, k] += _evidence(user_counts[u, k], none[k], alpha[k], at_alpha[k])


@_parallel
def add_to_listings(listings, starts, order, q, factor, counts, none):  # type: ignore[no-untyped-def]
    """counts[listings[i]] += factor · the sum of q's rows order[starts[i]:starts[i + 1]].

    counts: (I, K). none: (I, K) is set to the probability that no favorite of the listing is of the style, unless it
    has no rows.
    """
    for i in prange(len(listings)):
        w = listings[i]
        for row in order[starts[i] : starts[i + 1]]:
            for k in range(counts.shape[1]):
                counts[w, k] += factor * q[row, k]
        if len(none):
            for row in order[starts[i] : starts[i + 1]]:
                for k in range(counts.shape[1]):
                    none[w, k] *= 1 - min(q[row, k], np.float32(1))


@_parallel
def listing_evidence(counts, none, eta, evidence):  # type: ignore[no-untyped-def]
    """The evidence of each listing for eta, (I,)."""
    at_eta = _digamma(eta)
    for w in prange(len(counts)):
        total = 0.0
        for k in range(counts.shape[1]):
            total += _evidence(counts[w, k], none[w, k], eta, at_eta)
        evidence[w] = total


@_one_thread
def settle_profiles(indptr, listings, weight, beta, alpha, rounds, theta):  # type: ignore[no-untyped-def]
    """Fill in the profiles theta, (B, K), of new users with beta, (I, K), held fixed. Runs on the caller's thread.

    EM for theta only: q_k ∝ theta_k · beta_wk, theta_k ∝ alpha_k + Σ q_k.
    """
    K = len(alpha)
    for u in range(len(theta)):
        scratch = np.empty((4, K + APART), np.float32)
        n, g = scratch[1], scratch[2]
        theta[u] = alpha
        for _ in range(rounds):
            n[:K] = alpha
            for j in range(indptr[u], indptr[u + 1]):
                w = listings[j]
                total = np.float32(1e-30)
                for k in range(K):
                    g[k] = theta[u, k] * beta[w, k]
                    total += g[k]
                share = weight[j] / total
                for k in range(K):
                    n[k] += g[k] * share
            theta[u] = n[:K]
        theta[u] /= theta[u].sum()
