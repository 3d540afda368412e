"""The listings with the highest scores for each user, for any recommender and any real scores.

Listings are in the order of their ids' bytes, so "ties by id, descending" is "ties by index, descending". -inf excludes
a listing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numba import get_num_threads, njit
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F32, F64, I32
from etsyml_cli.personalization.model.deviations import LOWEST, deviations
from etsyml_cli.personalization.model.favorites import Favorites

if TYPE_CHECKING:
    from etsyml_cli.personalization.model.recommender import Recommender, Users

SHORT_LIST = 100  # inserting into a list of this length is faster than sorting
PIECE = 64
BLOCK = 64  # users whose scores for all listings are in memory at once, per thread
NO_LISTINGS: I32 = np.empty(0, np.int32)


class BlockScores(Protocol):
    """Scores of a block of B users, approximate for all listings and exact for chosen ones.

    approximate: (B, I), which the ranking may overwrite. rounding: the largest error of these, 0 if they are exact; a
    number, or (B,).
    """

    @property
    def approximate(self) -> F32: ...

    @property
    def rounding(self) -> float | F64: ...

    def deviation(self) -> F64:
        """The standard deviation of each user's scores, without -inf, (B,); 0 if they are equal.

        To be asked for before the ranking, which may overwrite the approximate scores.
        """
        ...

    def exact(self, candidates: Favorites) -> F32:
        """The scores of the candidates, (P,): P listings of B users in all."""
        ...


@dataclass(frozen=True)
class ExactScores:
    """Scores that are exact for all listings."""

    approximate: F32
    rounding: float = 0.0

    @classmethod
    def of(cls, scores: F64) -> ExactScores:
        """Raises ValueError if a score is not a number."""
        if np.isnan(scores).any():
            raise ValueError("a score is not a number")
        return cls(scores.astype(np.float32))

    def deviation(self) -> F64:
        return deviations(self.approximate)

    def exact(self, candidates: Favorites) -> F32:
        return self.approximate[candidates.users(), candidates.indices]


def top_listings(
    recommender: Recommender, users: Users, seen: Favorites, k: int, excluded: I32 = NO_LISTINGS
) -> tuple[I32, F32]:
    """The k listings with the highest score for each of B users, without `seen` and `excluded` listings.

    Returns listings and scores, both (B, min(k, I)), best first; if fewer remain, listing -1 with score -inf. Scores
    are compared as float32, ties by descending index. The list of a user depends neither on the number of threads nor
    on the other users: approximate scores only select the candidates, exact ones rank them.
    """

    def rank(start: int) -> tuple[I32, F32]:
        stop = min(start + BLOCK, len(users.rows))
        return top_of_block(recommender.block(users.span(start, stop)), seen.span(start, stop), k, excluded)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(get_num_threads()) as pool:
        blocks = list(pool.map(rank, range(0, len(users.rows), BLOCK)))
    if not blocks:
        return np.empty((0, k), np.int32), np.empty((0, k), np.float32)
    return np.concatenate([top for top, _ in blocks]), np.concatenate([scores for _, scores in blocks])


def top_of_block(block: BlockScores, seen: Favorites, k: int, excluded: I32 = NO_LISTINGS) -> tuple[I32, F32]:
    """The lists of one block; see `top_listings`."""
    scores = block.approximate
    k = min(k, scores.shape[1])
    _exclude(scores, seen.indptr, seen.indices, excluded)
    least = _kth_highest(scores, k) if k <= SHORT_LIST else np.partition(scores, -k, axis=1)[:, -k]
    candidates = Favorites(*_not_below(scores, least - np.asarray(2 * block.rounding).astype(np.float32)))
    top, best = np.full((len(scores), k), -1, np.int32), np.full((len(scores), k), -np.inf, np.float32)
    _sort(candidates.indptr, candidates.indices, block.exact(candidates), top, best)
    return top, best


@njit(cache=True, nogil=True)
def _exclude(scores, seen_ptr, seen, excluded):  # type: ignore[no-untyped-def]
    for row in range(len(scores)):
        for listing in seen[seen_ptr[row] : seen_ptr[row + 1]]:
            scores[row, listing] = -np.inf
        for listing in excluded:
            scores[row, listing] = -np.inf


@njit(cache=True, nogil=True)
def _kth_highest(scores, k):  # type: ignore[no-untyped-def]
    """The k-th highest score of each row, (users,)."""
    kth = np.empty(len(scores), np.float32)
    highest = np.empty(k, np.float32)
    for row in range(len(scores)):
        s = scores[row]
        highest[:] = -np.inf  # ascending
        for start in range(0, len(s), PIECE):
            stop = min(start + PIECE, len(s))
            better = np.int32(0)  # which makes the loop fast
            for i in range(start, stop):
                better = np.int32(better + np.int32(s[i] > highest[0]))
            if better:
                for i in range(start, stop):
                    if s[i] > highest[0]:
                        place = 0
                        while place + 1 < k and highest[place + 1] < s[i]:
                            highest[place] = highest[place + 1]
                            place += 1
                        highest[place] = s[i]
        kth[row] = highest[0]
    return kth


@njit(cache=True, nogil=True)
def _not_below(scores, least):  # type: ignore[no-untyped-def]
    """Row pointers and listings of the scores of each row that are at least `least`, (users,), and above -inf.

    Most pieces contain no such listing, which a count finds out fast.
    """
    n = 0
    ptr = np.zeros(len(scores) + 1, np.int64)
    candidates = np.empty(scores.size, np.int32)
    for row in range(len(scores)):
        s, lowest = scores[row], max(least[row], LOWEST)
        for start in range(0, len(s), PIECE):
            stop = min(start + PIECE, len(s))
            good = np.int32(0)
            for i in range(start, stop):
                good = np.int32(good + np.int32(s[i] >= lowest))
            if good:
                for i in range(start, stop):
                    if s[i] >= lowest:
                        candidates[n] = i
                        n += 1
        ptr[row + 1] = n
    return ptr, candidates[:n].copy()


@njit(cache=True, nogil=True)
def _sort(ptr, candidates, exact, top, best):  # type: ignore[no-untyped-def]
    """Write the best candidates of each row into top and best, (users, k), ties by descending index."""
    for row in range(len(top)):
        listings, scores = candidates[ptr[row] : ptr[row + 1]], exact[ptr[row] : ptr[row + 1]]
        order = np.argsort(-scores[::-1], kind="mergesort")  # stable, from the highest index down
        for place in range(min(len(order), top.shape[1])):
            c = len(listings) - 1 - order[place]
            top[row, place], best[row, place] = listings[c], scores[c]
