"""Learn the weights of a mix: coordinate ascent on the nDCG of lists of held-out favorites.

The lists are ranked among the candidates of each user: the DEPTH best listings of each member and the held-out ones.
A listing that no member has among its DEPTH best is taken to be outside the first CUTOFF of the mix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, njit
from threadpoolctl import threadpool_limits

from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F32, F64, I64, Bools
from etsyml_cli.personalization.model.favorites import Favorites, rows_of
from etsyml_cli.personalization.model.mixed_scores import inverse
from etsyml_cli.personalization.model.recommender import Recommender, TrainingSet
from etsyml_cli.personalization.model.top_k import BLOCK, top_of_block

GRID = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5)
ROUNDS = 2
DEPTH = 100  # candidates of each member
CUTOFF = 20
MAX_USERS = 5000  # more take longer and lead to the same choice
EXCLUDED = -1e6  # standard deviations, in place of -inf

Judge = Callable[[F64], float]  # the nDCG of a mix with these weights


@dataclass(frozen=True)
class Candidates:
    """The candidates of J users for their lists, and which of them are held out.

    of_users: J rows of P candidates in all. scores: (P, M), those of the members divided by their standard deviation.
    held: (P,). n_held: (J,).
    """

    of_users: Favorites
    scores: F32
    held: Bools
    n_held: I64

    def ndcg(self, weights: F64) -> float:
        """The mean nDCG@CUTOFF of the mix with these weights, (M,)."""
        return float(_ndcg(self.of_users.indptr, self.scores, self.held, self.n_held, weights, CUTOFF).mean())


def candidates_of(
    members: Mapping[str, Recommender], data: TrainingSet, held: Favorites, hidden: Favorites | None, seed: int
) -> Candidates | None:
    """The candidates of at most MAX_USERS users with favorites in `data.counts` and in `held`; None without users.

    The favorites in `data.counts` and in `hidden` are in no list.
    """
    rows = np.flatnonzero((held.per_user() > 0) & (np.diff(data.counts.indptr) > 0))
    if len(rows) > MAX_USERS:
        rows = np.sort(generator(seed, "lda", "judged").choice(rows, MAX_USERS, replace=False))
    if not len(rows):
        return None

    def of(start: int) -> Candidates:
        return _of_block(members, data, rows[start : start + BLOCK], held, hidden)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(get_num_threads()) as pool:
        blocks = list(pool.map(of, range(0, len(rows), BLOCK)))
    return Candidates(
        rows_of([block.of_users.of(row) for block in blocks for row in range(len(block.n_held))]),
        np.concatenate([block.scores for block in blocks]),
        np.concatenate([block.held for block in blocks]),
        np.concatenate([block.n_held for block in blocks]),
    )


def _of_block(
    members: Mapping[str, Recommender], data: TrainingSet, rows: I64, held: Favorites, hidden: Favorites | None
) -> Candidates:
    users, held = data.users(rows), held.take(rows)
    seen = users.favorites if hidden is None else _union(users.favorites, hidden.take(rows))
    blocks = [member.block(users) for member in members.values()]
    inverses = [inverse(block.deviation()) for block in blocks]
    tops = [top_of_block(block, seen, DEPTH)[0] for block in blocks]
    found = np.hstack(tops)
    best = [np.union1d(listings[listings >= 0], held.of(row)) for row, listings in enumerate(found)]
    of_users = rows_of(best)
    user = of_users.users()
    scores = [
        np.maximum(np.where(factors[user] > 0, block.exact(of_users) * factors[user], 0), EXCLUDED)
        for block, factors in zip(blocks, inverses, strict=True)
    ]
    is_held = np.concatenate([np.isin(listings, held.of(row)) for row, listings in enumerate(best)])
    return Candidates(of_users, np.stack(scores, axis=1).astype(np.float32), is_held, held.per_user())


def _union(first: Favorites, second: Favorites) -> Favorites:
    return rows_of([np.union1d(first.of(row), second.of(row)) for row in range(len(first.per_user()))])


@njit(cache=True, nogil=True)
def _ndcg(ptr, scores, held, n_held, weights, cutoff):  # type: ignore[no-untyped-def]
    """The nDCG of each user, (J,); ties by descending listing, as in all lists."""
    values = np.zeros(len(ptr) - 1)
    mixed = np.empty(len(scores))
    for user in range(len(ptr) - 1):
        start, stop = ptr[user], ptr[user + 1]
        for c in range(start, stop):
            total = 0.0
            for m in range(len(weights)):
                total += weights[m] * scores[c, m]
            mixed[c] = total
        gain, ideal = 0.0, 0.0
        for c in range(start, stop):
            if held[c]:
                rank = 0
                for other in range(start, stop):
                    rank += mixed[other] > mixed[c]
                for other in range(c + 1, stop):
                    rank += mixed[other] == mixed[c]
                if rank < cutoff:
                    gain += 1 / np.log2(rank + 2)
        for rank in range(min(n_held[user], cutoff)):
            ideal += 1 / np.log2(rank + 2)
        values[user] = gain / ideal
    return values


def ascend(judge: Judge, n: int) -> F64:
    """The weights of n members, from the best single one, whose weight stays 1; each in turn takes its best of GRID."""
    singles = [judge(weights) for weights in np.eye(n)]
    first = int(np.argmax(singles))
    weights, best = np.eye(n)[first], singles[first]
    for _ in range(ROUNDS):
        for member in (one for one in range(n) if one != first):
            for value in GRID:
                trial = weights.copy()
                trial[member] = value
                if (result := judge(trial)) > best:
                    weights, best = trial, result
    return np.asarray(weights)


def without_useless(weights: F64, judge: Judge) -> F64:
    """The weights with 0 for members without which the nDCG is not lower: each time the one that is missed least."""
    best = judge(weights)
    while np.count_nonzero(weights) > 1:
        smallest_first = (member for member in np.argsort(weights, kind="stable") if weights[member] > 0)
        trials = [np.where(np.arange(len(weights)) == member, 0, weights) for member in smallest_first]
        results = [judge(trial) for trial in trials]
        if max(results) < best:
            break
        weights, best = trials[int(np.argmax(results))], max(results)
    return weights
