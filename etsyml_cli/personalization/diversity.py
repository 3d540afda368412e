"""Lists with listings of several styles, by maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import get_num_threads, njit

from etsyml_cli.core.types import F32, F64, I32
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.styles import styles_of_listings

POOL = 200  # the best listings of a user, from which a diverse list is picked
TINY = 1e-30


def pool_of(k: int) -> int:
    """The number of best listings that a list of k is picked from."""
    return max(POOL, 2 * k)


def style_directions(lda: Lda) -> F32:
    """p(style | listing) as unit vectors, (I, K); zeros for a listing that no style contains."""
    share = lda.parameters.theta.mean(axis=0, dtype=np.float64)
    style = np.ascontiguousarray(styles_of_listings(share, lda.beta).T)
    style /= np.maximum(np.linalg.norm(style, axis=1, keepdims=True), TINY)
    return style


def picked(scores: F32, directions: F32, diversity: float, k: int) -> list[int]:
    """The places of k of a user's P best listings, picked one after the other.

    Each is the listing with the highest (1 - diversity) · relevance - diversity · similarity: relevance is the score,
    (P,), best first, scaled to 0..1; similarity the highest cosine of the style directions, (P, K), to a listing picked
    before. Ties go to the first of them.
    """
    of_pool = np.ascontiguousarray(directions.T)
    return list(_pick(relevance(scores), of_pool, diversity, min(k, len(scores))).tolist())


def diverse(top: I32, scores: F32, directions: F32, diversity: float, k: int) -> I32:
    """The k listings picked for each of B users from their best ones, `top` and `scores` (B, P).

    directions: (I, K). Listing -1 is an empty place.
    """

    def pick(user: int) -> I32:
        best: I32 = top[user, top[user] >= 0]
        return best.take(picked(scores[user, : len(best)], directions[best], diversity, k))

    lists = np.full((len(top), min(k, top.shape[1])), -1, np.int32)
    with ThreadPoolExecutor(get_num_threads()) as pool:
        for user, listings in enumerate(pool.map(pick, range(len(top)))):
            lists[user, : len(listings)] = listings
    return lists


def relevance(scores: F32) -> F64:
    """The scores, (P,), scaled to 0..1; 0 if all are equal."""
    exact = scores.astype(np.float64)
    if not len(exact):
        return exact
    return np.asarray((exact - exact.min()) / max(exact.max() - exact.min(), TINY))


@njit(cache=True, nogil=True)
def _pick(relevance, directions, diversity, k):  # type: ignore[no-untyped-def]
    """The places of the k picked listings; relevance: (P,), directions: (K, P)."""
    n_styles, n = directions.shape
    picked = np.empty(k, np.int64)
    closest = np.zeros(n)
    left = np.ones(n, np.bool_)
    for turn in range(k):
        best, highest = -1, -np.inf
        for place in range(n):
            value = (1 - diversity) * relevance[place] - diversity * closest[place]
            if left[place] and value > highest:
                best, highest = place, value
        picked[turn] = best
        left[best] = False
        cosine = np.zeros(n)
        for style in range(n_styles):
            for place in range(n):
                cosine[place] += np.float64(directions[style, best]) * directions[style, place]
        for place in range(n):
            closest[place] = max(closest[place], cosine[place])
    return picked
