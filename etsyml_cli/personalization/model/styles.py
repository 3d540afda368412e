"""What makes a style: what is typical of it, how well that goes together, and which styles are near.

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

    A listing that no style has anything of has no styles: zeros.
    """
    joint = share.astype(np.float32)[:, None] * beta
    joint /= np.maximum(joint.sum(axis=0), TINY)
    return joint


def log_odds(inside: F64, outside: F64) -> F64:
    """How much more typical each of W is of `inside` than of `outside`, both counts (W,): z-scores, (W,).

    Log-odds with an informative Dirichlet prior over their standard error (Monroe, Colaresi, Quinn, Political Analysis
    2008, eqs. 16, 20, 22). The prior spreads W counts as all counts are spread, so that something counted once is
    never far from 0; one count more is of nothing that is here, so that no odds are infinite.
    """
    total = inside + outside + 1
    prior = len(total) * total / total.sum()

    def log_odds_of(smoothed: F64) -> F64:
        return np.asarray(np.log(smoothed / (smoothed.sum() + 1 - smoothed)))

    here, there = inside + prior, outside + prior
    return np.asarray((log_odds_of(here) - log_odds_of(there)) / np.sqrt(1 / here + 1 / there))


def highest(scores: F64, n: int) -> I64:
    """The places of the n highest of W scores, best first; of equal ones the later first, as in all lists."""
    n = min(n, len(scores))
    if n == 0:
        return np.empty(0, np.int64)
    least = np.partition(scores, len(scores) - n)[len(scores) - n]
    good = np.flatnonzero(scores >= least)
    return good[np.lexsort((-good, -scores[good]))[:n]]


def together(favorites: Favorites, tops: I64, n_listings: int) -> I64:
    """How many users favorited both of two of a style's top listings, (K, T, T); tops: (K, T).

    On the diagonal stands how many favorited the listing.
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
    """Normalized pointwise mutual information of listings, (..., T, T), in [-1, 1], from `counts` of `n_users`.

    ln(p(x, y) / p(x)p(y)) / -ln p(x, y) (Bouma, GSCL 2009). p(x, y) counts one user more, to whom x and y are
    independent: two listings never seen together then get the lower a value the more users could have had both. Its
    limits hold where it is 0/0: -1 with a listing that nobody has, 1 where everybody has both.
    """
    single = np.diagonal(counts, axis1=-2, axis2=-1) / n_users
    independent = single[..., :, None] * single[..., None, :]
    joint = (counts + independent) / (n_users + 1)
    found = np.where(joint > 0, 1.0, -1.0)
    open_ones = (joint > 0) & (joint < 1)
    p, q = joint[open_ones], independent[open_ones]
    found[open_ones] = np.clip(np.log(p / q) / -np.log(p), -1, 1)
    return found


def coherence(pairs: F64) -> F64:
    """The mean over the pairs of each style's T listings, (K,), of their npmi, (K, T, T); 0 where there is no pair.

    With `npmi` it is C_NPMI (Röder, Both, Hinneburg, WSDM'15), a user's favorites being the document.
    """
    first, second = np.triu_indices(pairs.shape[-1], 1)
    of_pairs = pairs[:, first, second]
    return np.asarray(of_pairs.sum(axis=1) / max(of_pairs.shape[1], 1))


def nearest_styles(beta: F32, n: int) -> tuple[I64, F64]:
    """The n other styles, or all, whose listings are most like each style's, and how like, in [0, 1]: both (K, n).

    The Bhattacharyya coefficient Σ √(β_k β_l), which is 1 less the squared Hellinger distance.
    """
    root = np.sqrt(beta)
    alike = np.clip((root @ root.T).astype(np.float64), 0, 1)
    np.fill_diagonal(alike, -1)
    near = np.argsort(-alike, axis=1, kind="stable")[:, : min(n, len(beta) - 1)]
    return near, np.take_along_axis(alike, near, axis=1)
