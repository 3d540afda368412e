"""Scores that are inner products of a vector of the user and one of the listing, such as θ · β.

A fast product of matrices gives approximate scores; its last bits depend on the place of a user in the block. Sums in a
fixed order rank the candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F32, F64
from etsyml_cli.personalization.model.deviations import not_constant
from etsyml_cli.personalization.model.favorites import Favorites

EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class ListingVectors:
    """The vectors of I listings, as columns: (K, I)."""

    columns: F32

    @cached_property
    def by_listing(self) -> F32:
        """The values of a listing contiguous in memory, (I, K)."""
        return np.ascontiguousarray(self.columns.T)

    @cached_property
    def rounding(self) -> float:
        """The largest error of a product in float32 with a vector of length 1: K roundings of the largest product."""
        longest = np.sqrt(np.einsum("ki,ki->i", self.columns, self.columns).max(initial=0))
        return float((len(self.columns) + 2) * EPSILON * longest)

    @cached_property
    def moments(self) -> tuple[F64, F64]:
        """The mean of the vectors, (K,), and their covariance, (K, K), the same for any number of threads."""
        with threadpool_limits(1, user_api="blas"):
            return self.columns.mean(axis=1, dtype=np.float64), np.atleast_2d(np.cov(self.columns, bias=True))


@dataclass(frozen=True)
class InnerProducts:
    """Scores of B users; theta: their vectors, (B, K)."""

    approximate: F32
    theta: F32
    listings: ListingVectors

    @classmethod
    def of(cls, theta: F32, listings: ListingVectors) -> InnerProducts:
        return cls(theta @ listings.columns, theta, listings)

    @property
    def rounding(self) -> F64:
        return np.asarray(np.sqrt(np.einsum("uk,uk->u", self.theta, self.theta, dtype=np.float64))) * (
            self.listings.rounding
        )

    def deviation(self) -> F64:
        mean, covariance = self.listings.moments
        means, variances = _moments(self.theta, mean, covariance)
        return not_constant(means, variances)

    def exact(self, candidates: Favorites) -> F32:
        exact = np.empty(len(candidates.indices), np.float32)
        _exact(*candidates, self.theta, self.listings.by_listing, exact)
        return exact


@njit(cache=True, nogil=True)
def _exact(ptr, candidates, theta, by_listing, exact):  # type: ignore[no-untyped-def]
    for row in range(len(theta)):
        for c in range(ptr[row], ptr[row + 1]):
            exact[c] = dot_product(theta[row], by_listing[candidates[c]])


@njit(cache=True, nogil=True)
def _moments(theta, mean, covariance):  # type: ignore[no-untyped-def]
    """The mean θ · m and the variance θ · Cθ of each user's scores."""
    means, variances = np.empty(len(theta)), np.empty(len(theta))
    for row in range(len(theta)):
        means[row] = dot_product(theta[row], mean)
        variance = 0.0
        for k in range(len(covariance)):
            variance += theta[row, k] * dot_product(theta[row], covariance[k])
        variances[row] = variance
    return means, variances


@njit(cache=True, nogil=True)
def dot_product(theta, beta):  # type: ignore[no-untyped-def]
    """The dot product in float64, added in the order of the styles."""
    total = 0.0
    for k in range(len(theta)):
        total += np.float64(theta[k]) * beta[k]
    return total
