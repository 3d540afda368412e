"""The best listings for each user: a matrix product in blocks of users, the item neighbors on top, then a selection.

Listings stand in the order of their ids' bytes, so "ties by id, descending" is "ties by index, descending".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F32
from etsyml_cli.personalization.model.favorites import Favorites, Neighbors

TINY = 1e-30
ROUNDING = 1e-4  # more than a product of a thousand styles in float32 can be off, in parts of it
FEW = 100  # to insert into a list of so many costs less than to sort
PIECE = 64
BLOCK = 64  # users whose scores for all listings are in memory at once, for each thread
NO_NEIGHBORS = Neighbors(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))

Listings = NDArray[np.int32]


@dataclass(frozen=True)
class Ranker:
    """What a listing scores for a user: (1 − share) · theta x beta + share · neighbors, each over its user's highest.

    beta: (K, I). The neighbors' score of a listing is the sum of its similarities to what the user favorited.
    With a share of 0 the score is theta x beta itself.
    """

    beta: F32
    neighbors: Neighbors = NO_NEIGHBORS
    share: float = 0.0


def top_listings(
    ranker: Ranker, theta: F32, favorites: Favorites, seen: Favorites, k: int, banned: Listings | None = None
) -> tuple[Listings, F32]:
    """The k listings of highest score for each of B users, without the `seen` and the `banned` ones.

    theta: (B, K); favorites: what each has favorited, for the neighbors. Returns indices and scores, both
    (B, min(k, I)), best first; where fewer remain, index -1 with score -inf. A fast product finds who may be among the
    k, its last bits depend on the place of a user in it; sums in a fixed order rank these. So a user's list depends
    neither on the number of threads nor on who else is asked for.
    """
    k = min(k, ranker.beta.shape[1])
    top, scores = np.full((len(theta), k), -1, np.int32), np.full((len(theta), k), -np.inf, np.float32)
    never = np.empty(0, np.int32) if banned is None else banned
    of_listing = np.ascontiguousarray(ranker.beta.T)  # a listing's numbers side by side

    def rank(start: int) -> None:
        rows = slice(start, start + BLOCK)
        block = theta[rows]
        rough = block @ ranker.beta
        near = np.zeros_like(rough) if ranker.share > 0 else rough[:0]
        factors = _score(
            block, of_listing, rough, near, start, favorites.indptr, favorites.indices, seen.indptr, seen.indices,
            never, *ranker.neighbors, ranker.share,
        )  # fmt: skip
        least = _kth_highest(rough, k) if k <= FEW else np.partition(rough, -k, axis=1)[:, -k]
        _pick(block, of_listing, rough, near, factors, np.maximum(least, 0), top[rows], scores[rows])

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(get_num_threads()) as pool:
        list(pool.map(rank, range(0, len(theta), BLOCK)))
    return top, scores


@njit(cache=True, nogil=True)
def _score(  # type: ignore[no-untyped-def]
    theta, beta, rough, near, start, fav_ptr, favorites, seen_ptr, seen, banned, near_ptr, neighbors, similarity, share
):
    """Of about theta x beta, (users, I), of the users from `start` on, makes about the scores; -1 for what may not be.

    beta: (I, K). near: (users, I) becomes the sums of similarities; of no rows where their share is 0. Returns what
    each user's styles and neighbors are multiplied by, (users, 2).
    """
    factors = np.ones((len(rough), 2))
    for row in range(len(rough)):
        u, s = start + row, rough[row]
        if share > 0:
            sums = near[row]
            nearest = _add_up(favorites[fav_ptr[u] : fav_ptr[u + 1]], near_ptr, neighbors, similarity, sums)
            factors[row, 0] = (1 - share) / max(_highest(theta[row], beta, s), TINY)
            factors[row, 1] = share / max(nearest, TINY)
            of_styles, of_near = np.float32(factors[row, 0]), np.float32(factors[row, 1])
            for i in range(len(s)):
                s[i] = of_styles * s[i] + of_near * sums[i]
        for listing in seen[seen_ptr[u] : seen_ptr[u + 1]]:
            s[listing] = -1
        for listing in banned:
            s[listing] = -1
    return factors


@njit(cache=True, nogil=True)
def _pick(theta, beta, rough, near, factors, least, top, best):  # type: ignore[no-untyped-def]
    """The k best of each row of about the scores, by sums in a fixed order, into top and best, both (users, k).

    least: (users,), the k-th highest of each row, at least 0: nothing below it by more than ROUNDING is among the best.
    """
    for row in range(len(top)):
        among = _not_below(rough[row], least[row] * np.float32(1 - 2 * ROUNDING))
        exact = np.empty(len(among), np.float32)
        for c in range(len(among)):
            listing = among[c]
            score = factors[row, 0] * _product(theta[row], beta[listing])
            if len(near):
                score += factors[row, 1] * near[row, listing]
            exact[c] = score
        _sort_in(among, exact, top[row], best[row])


@njit(cache=True, nogil=True)
def _product(theta, beta):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(len(theta)):
        total += np.float64(theta[k]) * beta[k]
    return total


@njit(cache=True, nogil=True)
def _highest(theta, beta, s):  # type: ignore[no-untyped-def]
    """The highest of theta x beta, exactly: that of those near the highest of s, which is about that."""
    least = s.max() * (1 - 2 * ROUNDING)
    highest = 0.0
    for i in range(len(s)):
        if s[i] >= least:
            highest = max(highest, _product(theta, beta[i]))
    return highest


@njit(cache=True, nogil=True)
def _add_up(favorites, ptr, neighbors, similarity, sums):  # type: ignore[no-untyped-def]
    """Adds up how similar the favorites' neighbors are to them; returns the highest sum."""
    highest = np.float32(0)
    for f in favorites:
        for e in range(ptr[f], ptr[f + 1]):
            sums[neighbors[e]] += similarity[e]
            highest = max(highest, sums[neighbors[e]])
    return highest


@njit(cache=True, nogil=True)
def _not_below(s, least):  # type: ignore[no-untyped-def]
    """Where s is not below `least`, ascending. Most pieces hold no such listing, which their highest alone tells."""
    n = 0
    found = np.empty(len(s), np.int32)
    for start in range(0, len(s), PIECE):
        stop = min(start + PIECE, len(s))
        highest = np.float32(-1)
        for i in range(start, stop):
            highest = max(highest, s[i])
        if highest >= least:
            for i in range(start, stop):
                if s[i] >= least:
                    found[n] = i
                    n += 1
    return found[:n]


@njit(cache=True, nogil=True)
def _kth_highest(scores, k):  # type: ignore[no-untyped-def]
    """The k-th highest of each row, (users,), or 0 where it is lower."""
    found = np.empty(len(scores), np.float32)
    highest = np.empty(k, np.float32)
    for row in range(len(scores)):
        s = scores[row]
        highest[:] = 0  # ascending
        for start in range(0, len(s), PIECE):
            stop = min(start + PIECE, len(s))
            best = np.float32(-1)
            for i in range(start, stop):
                best = max(best, s[i])
            if best > highest[0]:
                for i in range(start, stop):
                    if s[i] > highest[0]:
                        place = 0
                        while place + 1 < k and highest[place + 1] < s[i]:
                            highest[place] = highest[place + 1]
                            place += 1
                        highest[place] = s[i]
        found[row] = highest[0]
    return found


@njit(cache=True, nogil=True)
def _sort_in(among, exact, top, best):  # type: ignore[no-untyped-def]
    """The best of some listings into top and best, equal ones by the higher index; `among` ascends."""
    order = np.argsort(-exact[::-1], kind="mergesort")  # stable, from the highest index down
    for place in range(min(len(order), len(top))):
        c = len(among) - 1 - order[place]
        top[place], best[place] = among[c], exact[c]
