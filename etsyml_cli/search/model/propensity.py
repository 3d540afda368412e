"""Examination propensities of positions, from listings shown at several positions for the same query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64, I64, Bools

_TOLERANCE = 1e-9  # relative change of every propensity in one step
_MOST_STEPS = 10_000


@dataclass(frozen=True)
class Propensities:
    """Arrays of shape (K,); entry k - 1 is position k."""

    examination: F64  # probability relative to the top position; estimated from clicks, so it may exceed 1
    impressions: I64  # used for the estimate; 0 if the value was taken from the nearest estimated position
    clicks: I64  # used for the estimate


def fit_propensities(group: I64, position: I64, clicked: Bools, *, max_position: int | None = None) -> Propensities:
    """Estimate the examination θ of positions 1 … K from N impressions, arrays (N,); `group` codes (query, listing).

    A listing is equally relevant to a query at any position, so the clicks of listings shown at several positions
    compare just the positions (intervention harvesting; Agarwal et al., WSDM'19). With E[click | g, k] = γ_g·θ_k and
    γ_g free, the C_g clicks of a group with n_gk impressions at k are at k with probability n_gk·θ_k / Σ_j n_gj·θ_j
    (Poisson fixed effects; Hausman, Hall & Griliches, 1984). This assumes only the mean, not the distribution: it is
    consistent for clicks that are 0 or 1, too.

    The likelihood has its maximum at finite ratios of θ only among positions that can be reached from each other by
    steps from one clicked to one shown in the same group (Ford, 1957). The set of such positions with the most clicks
    is estimated, relative to its first position; any other position takes the value of the nearest of them, of two the
    upper. K is `max_position` (rows beyond it are ignored) or the last position. Raises DataError if no two can be
    compared.
    """
    k = int(position.max(initial=1)) if max_position is None else max_position
    shown, clicks = _keep_informative(*_tables(group, position, clicked, k))
    compared = _choose_compared(shown, clicks)
    shown, clicks = _keep_informative(shown[:, compared], clicks[:, compared])
    nearest = np.searchsorted((compared[:-1] + compared[1:]) / 2, np.arange(k))
    impressions, clicks_there = np.zeros((2, k), np.int64)
    impressions[compared], clicks_there[compared] = shown.sum(axis=0), clicks.sum(axis=0)
    return Propensities(_maximize(shown, clicks)[nearest], impressions, clicks_there)


def inverse_propensity(propensities: Propensities, position: I64, *, most: float = 10.0) -> F64:
    """The weight of a click at each position, 1 / θ but at most `most`, shape (N,); beyond K as at K.

    The bound trades a little bias for much variance (Strehl et al., NIPS'10).
    """
    θ = propensities.examination
    return np.asarray(np.minimum(1 / θ, most)[np.minimum(position, len(θ)) - 1])


def _tables(group: I64, position: I64, clicked: Bools, k: int) -> tuple[csr_array, csr_array]:
    """Impressions and clicks of G groups at k positions, two sparse counts of shape (G, k)."""
    groups, row = np.unique(group, return_inverse=True)
    clicked = clicked & (position <= k)
    return _count(row, position, position <= k, (len(groups), k)), _count(row, position, clicked, (len(groups), k))


def _count(row: I64, position: I64, of: Bools, shape: tuple[int, int]) -> csr_array:
    return csr_array((np.ones(of.sum()), (row[of], position[of] - 1)), shape=shape)  # sums duplicate entries


def _keep_informative(shown: csr_array, clicks: csr_array) -> tuple[csr_array, csr_array]:
    """The groups that were clicked and shown at two positions or more."""
    informative = (np.diff(shown.indptr) > 1) & (np.diff(clicks.indptr) > 0)
    return shown[informative], clicks[informative]


def _choose_compared(shown: csr_array, clicks: csr_array) -> I64:
    """The columns of the largest strongly connected set, by clicks, sorted; edges go from clicked to shown."""
    _, label = connected_components(clicks.T @ shown, directed=True, connection="strong")
    weight = np.bincount(label, weights=clicks.sum(axis=0)) * (np.bincount(label) > 1)
    if not weight.any():
        raise _incomparable()
    return np.flatnonzero(label == weight.argmax())


def _maximize(shown: csr_array, clicks: csr_array) -> F64:
    """θ, shape (K,), 1 at its first, by minorize-maximize steps (MM; Hunter, 2004)."""
    by_group, by_position = clicks.sum(axis=1), clicks.sum(axis=0)
    transposed = shown.T.tocsr()
    θ = np.ones(shown.shape[1])
    for _ in range(_MOST_STEPS):
        before = θ
        θ = by_position / (transposed @ (by_group / (shown @ before)))
        θ /= θ[0]
        if np.abs(θ / before - 1).max() < _TOLERANCE:
            break
    return np.asarray(θ)


def _incomparable() -> DataError:
    return DataError(
        "position bias cannot be estimated: no listing was shown and clicked at two positions of the same query",
        hint="Use a longer log with repeated queries, or train with debias: null.",
    )
