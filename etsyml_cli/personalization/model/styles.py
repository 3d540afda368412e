"""Properties of styles: typical listings and words, coherence, and similarity to other styles.

Shapes: K styles, I listings, U users, W listings or words, T listings of each style.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from etsyml_cli.core.types import F32, F64, I64
from etsyml_cli.personalization.model.favorites import Favorites

TINY = np.float32(1e-37)


def styles_of_listings(share: F64, beta: F32) -> F32:
    """p(style | listing), (K, I), by Bayes from the styles' shares, (K,), and p(listing | style), beta (K, I).

    A listing with probability 0 in all styles gets zeros.
    """
    joint = share.astype(np.float32)[:, None] * beta
    joint /= np.maximum(joint.sum(axis=0), TINY)
    return joint


def log_odds(inside: F64, outside: F64) -> F64:
    """Z-scores, (W,), of how much more typical each of W is of `inside` than of `outside`, both counts (W,).

    Log-odds with an informative Dirichlet prior divided by their standard error (Monroe, Colaresi, Quinn, Political
    Analysis 2008, eqs. 16, 20, 22). The prior has a total of W counts, distributed as all counts are, so that a single
    count never gives a large score; one more count belongs to none of the W, so that the odds are finite.
    """
    total = inside + outside + 1
    prior = len(total) * total / total.sum()

    def log_odds_of(smoothed: F64) -> F64:
        return np.asarray(np.log(smoothed / (smoothed.sum() + 1 - smoothed)))

    a, b = inside + prior, outside + prior
    return np.asarray((log_odds_of(a) - log_odds_of(b)) / np.sqrt(1 / a + 1 / b))


def highest(scores: F64, n: int) -> I64:
    """The indices of the n highest of W scores, best first; ties by descending index, as in all lists."""
    n = min(n, len(scores))
    if n == 0:
        return np.empty(0, np.int64)
    least = np.partition(scores, len(scores) - n)[len(scores) - n]
    good = np.flatnonzero(scores >= least)
    return good[np.lexsort((-good, -scores[good]))[:n]]


def co_favorites(favorites: Favorites, tops: I64, n_listings: int) -> I64:
    """The number of users who favorited both of two top listings of a style, (K, T, T); tops: (K, T).

    The diagonal is the number of users who favorited the listing.
    """
    shape = (len(favorites.indptr) - 1, n_listings)
    by_user = sparse.csr_matrix((np.ones(len(favorites.indices), np.int64), favorites.indices, favorites.indptr), shape)
    by_listing = by_user.tocsc()
    counts = np.empty((*tops.shape, tops.shape[1]), np.int64)
    for style, top in enumerate(tops):
        columns = by_listing[:, top]
        counts[style] = (columns.T @ columns).toarray()
    return counts


def npmi(counts: I64, n_users: int) -> F64:
    """The normalized pointwise mutual information of listings, (..., T, T), from `counts` of `n_users`.

    ln(p(x, y) / p(x)p(y)) / -ln p(x, y), in [-1, 1] (Bouma, GSCL 2009). p(x, y) is smoothed by one user for whom x and
    y are independent: the value of two listings that never occur together decreases with the number of users that could
    have both. If it is 0/0, its limits are used: -1 with a listing without favorites, 1 if all users have both.
    """
    single = np.diagonal(counts, axis1=-2, axis2=-1) / n_users
    independent = single[..., :, None] * single[..., None, :]
    joint = (counts + independent) / (n_users + 1)
    values = np.where(joint > 0, 1.0, -1.0)
    open_ones = (joint > 0) & (joint < 1)
    p, q = joint[open_ones], independent[open_ones]
    values[open_ones] = np.clip(np.log(p / q) / -np.log(p), -1, 1)
    return values


def coherence(pairs: F64) -> F64:
    """The mean npmi, (K, T, T), over the pairs of each style's T listings, (K,); 0 if b is no pair.

    With `npmi` it is C_NPMI (Röder, Both, Hinneburg, WSDM'15); a document is the favorites of a user.
    """
    first, second = np.triu_indices(pairs.shape[-1], 1)
    of_pairs = pairs[:, first, second]
    return np.asarray(of_pairs.sum(axis=1) / max(of_pairs.shape[1], 1))


def nearest_styles(beta: F32, n: int) -> tuple[I64, F64]:
    """The n most similar other styles of each style (at most all) and their similarity in [0, 1]: both (K, n).

    The Bhattacharyya coefficient Σ √(β_k β_l), which is 1 minus the squared Hellinger distance.
    """
    root = np.sqrt(beta)
    alike = np.clip((root @ root.T).astype(np.float64), 0, 1)
    np.fill_diagonal(alike, -1)
    near = np.argsort(-alike, axis=1, kind="stable")[:, : min(n, len(beta) - 1)]
    return near, np.take_along_axis(alike, near, axis=1)
