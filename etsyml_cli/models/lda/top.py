"""The best listings for each user: a matrix product in blocks of users, the item neighbours on top, then a selection.

Listings stand in the order of their ids' bytes, so "ties by id, descending" is "ties by index, descending".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from etsyml_cli.models.lda.favorites import Favorites, Neighbours

TINY = np.float32(1e-30)
FEW = 100  # to insert into a list of so many costs less than to sort
PIECE = 64
BLOCK = 64  # users whose scores for all listings are in memory at once, for each thread
NO_NEIGHBOURS = Neighbours(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))

Floats = NDArray[np.float32]
Listings = NDArray[np.int32]


@dataclass(frozen=True)
class Ranker:
    """What a listing scores for a user: (1 − share) · theta x beta + share · neighbours, each over its user's highest.

    beta: (K, I). The neighbours' score of a listing is the sum of its similarities to what the user favorited.
    With a share of 0 the score is theta x beta itself.
    """

    beta: Floats
    neighbours: Neighbours = NO_NEIGHBOURS
    share: float = 0.0


def top_listings(
    ranker: Ranker, theta: Floats, favorites: Favorites, seen: Favorites, k: int, banned: Listings | None = None
) -> tuple[Listings, Floats]:
    """The k listings of highest score for each of B users, without the `seen` and the `banned` ones.

    theta: (B, K); favorites: what each has favorited, for the neighbours. Returns indices and scores, both
    (B, min(k, I)), best first; where fewer remain, index -1 with score -inf. A user's list does not depend on the
    number of threads, nor on who else is asked for.
    """
    k = min(k, ranker.beta.shape[1])
    top, scores = np.full((len(theta), k), -1, np.int32), np.full((len(theta), k), -np.inf, np.float32)
    never = np.empty(0, np.int32) if banned is None else banned

    def rank(start: int) -> None:
        rows = slice(start, min(start + BLOCK, len(theta)))
        block = np.zeros((BLOCK, theta.shape[1]), np.float32)  # full, so that a product is summed in the same order
        block[: rows.stop - start] = theta[rows]
        of_block = (block @ ranker.beta)[: rows.stop - start]
        _score(
            of_block, start, favorites.indptr, favorites.indices, seen.indptr, seen.indices, never,
            *ranker.neighbours, np.float32(ranker.share),
        )  # fmt: skip
        select = _select if k <= FEW else _select_many
        select(of_block, top[rows], scores[rows])

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(get_num_threads()) as pool:
        list(pool.map(rank, range(0, len(theta), BLOCK)))
    return top, scores


@njit(cache=True, nogil=True)
def _score(  # type: ignore[no-untyped-def]
    scores, start, fav_ptr, favorites, seen_ptr, seen, banned, near_ptr, near, similarity, share
):
    """Of theta x beta, (users, I), of the users from `start` on, makes their scores, -1 where a listing may not be."""
    sums = np.zeros(scores.shape[1], np.float32)
    for row in range(len(scores)):
        u, s = start + row, scores[row]
        if share > 0:
            _mix(s, favorites[fav_ptr[u] : fav_ptr[u + 1]], near_ptr, near, similarity, share, sums)
        for listing in seen[seen_ptr[u] : seen_ptr[u + 1]]:
            s[listing] = -1
        for listing in banned:
            s[listing] = -1


@njit(cache=True, nogil=True, inline="always")
def _mix(s, favorites, near_ptr, near, similarity, share, sums):  # type: ignore[no-untyped-def]
    """s becomes the mix. `sums` is all 0 before and after."""
    nearest = np.float32(0)
    for f in favorites:
        for e in range(near_ptr[f], near_ptr[f + 1]):
            sums[near[e]] += similarity[e]
            nearest = max(nearest, sums[near[e]])
    highest = np.float32(0)
    for i in range(len(s)):
        highest = max(highest, s[i])
    of_styles = (1 - share) / max(highest, TINY)
    for i in range(len(s)):
        s[i] *= of_styles
    for f in favorites:
        for e in range(near_ptr[f], near_ptr[f + 1]):
            if sums[near[e]] > 0:
                s[near[e]] += share * sums[near[e]] / nearest
                sums[near[e]] = 0


@njit(cache=True, nogil=True)
def _select(scores, top, best):  # type: ignore[no-untyped-def]
    """The k highest of each row, best first, equal ones by the higher index, into top and best; below 0 never.

    Most pieces of a row hold nothing that is good enough, which their highest value alone tells.
    """
    k = top.shape[1]
    for row in range(len(top)):
        s, found, least = scores[row], 0, np.float32(0)
        for start in range(0, len(s), PIECE):
            stop = min(start + PIECE, len(s))
            highest = np.float32(-1)
            for i in range(start, stop):
                highest = max(highest, s[i])
            if highest < least:
                continue
            for i in range(start, stop):
                if s[i] < least:
                    continue
                place = min(found, k - 1)
                found += found < k
                while place > 0 and best[row, place - 1] <= s[i]:
                    best[row, place], top[row, place] = best[row, place - 1], top[row, place - 1]
                    place -= 1
                best[row, place], top[row, place] = s[i], i
                if found == k:
                    least = best[row, k - 1]


def _select_many(scores: Floats, top: Listings, best: Floats) -> None:
    """What `_select` does, for long lists."""
    k = top.shape[1]
    for row, s in enumerate(scores):
        least = max(np.partition(s, len(s) - k)[len(s) - k], 0)
        candidates = np.flatnonzero(s >= least)
        found = candidates[np.lexsort((-candidates, -s[candidates]))[:k]]
        top[row, : len(found)], best[row, : len(found)] = found, s[found]
