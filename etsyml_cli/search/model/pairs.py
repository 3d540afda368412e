"""Pairs of a better and a worse row of one page: loss, number and enumeration, without storing them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etsyml_cli.core.types import F64, I64

# all: any two rows of a page whose levels differ. adjacent: only if no row is between them on the page.
# skip-above: only if the worse row is above the better one, so that it was probably examined and skipped
# (Joachims, KDD'02). No such pair favors a row at the top, so the model learns to reward low positions.
PairKind = Literal["all", "adjacent", "skip-above"]
Loss = Literal["logistic", "hinge"]

_ALL, _ADJACENT, _SKIP_ABOVE = range(3)
_KINDS: dict[PairKind, int] = {"all": _ALL, "adjacent": _ADJACENT, "skip-above": _SKIP_ABOVE}
_MAX_DISTANCE = 20.0  # exponentials of scores this close to their page's first one have finite ratios
_AT_ONCE = (
    16  # number of factors, up to 1 + exp(2 * _MAX_DISTANCE), multiplied before a logarithm: their product stays finite
)

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inlined = njit(
    cache=True, nogil=True, error_model="numpy", inline="always"
)  # for a dozen pairs, a call costs too much


@dataclass(frozen=True)
class Pages:
    """N shown rows of Q pages; page q is rows `offsets[q]:offsets[q + 1]`."""

    level: NDArray[np.int8]  # (N,): strength of the event, or grade, from 0 up
    position: I64  # (N,): place on the page from 1 down; may repeat, in any order
    weight: F64  # (N,): of the pairs whose better row this is; 1, or its inverse propensity
    offsets: I64  # (Q + 1,)

    def rows(self, pages: I64 | NDArray[np.bool_]) -> I64:
        """The rows of these pages, page after page."""
        starts, sizes = self.offsets[:-1][pages], np.diff(self.offsets)[pages]
        ends = np.cumsum(sizes)
        return np.repeat(starts - (ends - sizes), sizes) + np.arange(sizes.sum())

    def take(self, pages: I64 | NDArray[np.bool_]) -> Pages:
        """These pages only, in this order."""
        rows = self.rows(pages)
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[pages])])
        return Pages(self.level[rows], self.position[rows], self.weight[rows], offsets)


def pair_loss(s: F64, pages: Pages, *, pairs: PairKind = "all", loss: Loss = "logistic") -> tuple[float, F64]:
    """The loss of scores s = w·d, shape (N,), and λ = ∂loss/∂s, shape (N,), so that ∂loss/∂w = Dᵀλ.

    A pair is two rows of one page with level_i > level_j that the rule `pairs` allows; its margin is m = s_i − s_j =
    w·(d⁺ − d⁻). `logistic`: log(1 + exp(−m)) (Lynch et al., KDD'16, Algorithm 2; Burges et al., ICML'05, eq. 3).
    `hinge`: max(0, 1 − m)² (L2-loss RankSVM of Lee & Lin, 2014); squared, it is differentiable everywhere, as L-BFGS
    requires. The random sign of a pair in Algorithm 2 does not change the loss, so it is omitted.

    Each pair has the weight weight_i / (pairs of its page): pages have equal weight, as in the metrics, for any number
    of clicks. The loss is the mean over the pages that have a pair, 0 if there are none; NaN if a pair has a score of
    NaN.
    """
    hinge = loss == "hinge"
    value, λ = _pair_loss(s, pages.level, pages.position, pages.weight, pages.offsets, _KINDS[pairs], hinge)
    return float(value), λ


def count_pairs(pages: Pages, pairs: PairKind = "all") -> I64:
    """The number of pairs of each page, shape (Q,)."""
    return np.diff(_pairs_before(pages, pairs)[pages.offsets])


def iterate_pairs(pages: Pages, pairs: PairKind = "all", *, at_once: int = 1 << 16) -> Iterator[tuple[I64, I64]]:
    """All pairs, page after page: their better and their worse rows, shape (P,) each.

    P is at most `at_once`, or the number of pairs of one better row if that is larger.
    """
    before = _pairs_before(pages, pairs)
    first = 0
    while before[first] < before[-1]:
        fit_in = int(np.searchsorted(before, before[first] + at_once, side="right")) - 1
        after = max(fit_in, first + 1)
        better = np.empty(before[after] - before[first], np.int64)
        worse = np.empty_like(better)
        _write_pairs(pages.level, pages.position, pages.offsets, _KINDS[pairs], first, after, better, worse)
        if len(better):
            yield better, worse
        first = after


def _pairs_before(pages: Pages, pairs: PairKind) -> I64:
    """The number of pairs whose better row is before this one, shape (N + 1,)."""
    before = np.zeros(len(pages.level) + 1, np.int64)
    _count_worse(pages.level, pages.position, pages.offsets, _KINDS[pairs], before[1:])
    return np.cumsum(before)


@_inlined
def _find_worse(i, start, stop, level, position, kind, worse):  # type: ignore[no-untyped-def]
    """Write the rows of page start:stop that make a pair with the better row i into `worse`; return their number."""
    above, below = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    if kind == _ADJACENT:
        for j in range(start, stop):
            if position[j] < position[i]:
                above = max(above, position[j])
            elif position[j] > position[i]:
                below = min(below, position[j])
    n = 0
    for j in range(start, stop):
        p = position[j]
        worse[n] = j  # kept if n advances
        n += (level[j] < level[i]) & (
            (kind == _ALL)
            | ((kind == _SKIP_ABOVE) & (p < position[i]))
            | ((kind == _ADJACENT) & ((p == above) | (p == below)))
        )
    return n


@_kernel
def _page_buffer(offsets):  # type: ignore[no-untyped-def]
    """A buffer for the rows of any one page."""
    longest = 0
    for q in range(len(offsets) - 1):
        longest = max(longest, offsets[q + 1] - offsets[q])
    return np.empty(longest, np.int64)


@_kernel
def _count_worse(level, position, offsets, kind, counts):  # type: ignore[no-untyped-def]
    worse = _page_buffer(offsets)
    for q in range(len(offsets) - 1):
        for i in range(offsets[q], offsets[q + 1]):
            if level[i] > 0:
                counts[i] = _find_worse(i, offsets[q], offsets[q + 1], level, position, kind, worse)


@_kernel
def _write_pairs(level, position, offsets, kind, first, after, better, worse):  # type: ignore[no-untyped-def]
    """Write the pairs whose better row is one of first:after."""
    found = _page_buffer(offsets)
    q = np.searchsorted(offsets, first, side="right") - 1
    written = 0
    for i in range(first, after):
        while offsets[q + 1] <= i:
            q += 1
        if level[i] > 0:
            n = _find_worse(i, offsets[q], offsets[q + 1], level, position, kind, found)
            better[written : written + n] = i
            worse[written : written + n] = found[:n]
            written += n


@_kernel
def _pair_loss(s, level, position, weight, offsets, kind, hinge):  # type: ignore[no-untyped-def]
    loss, λ = 0.0, np.zeros(len(s))
    worse = _page_buffer(offsets)
    e = np.empty(len(worse))
    pages = 0
    for q in range(len(offsets) - 1):
        start, stop = offsets[q], offsets[q + 1]
        near = not hinge and _exponentials(s, start, stop, e)
        page_loss, pairs = 0.0, 0
        for i in range(start, stop):
            if level[i] == 0:  # is above no other row
                continue
            n = _find_worse(i, start, stop, level, position, kind, worse)
            if hinge:
                page_loss += _hinge(s, i, worse, n, weight[i], λ)
            elif near:
                page_loss += _logistic_of_close(e, start, i, worse, n, weight[i], λ)
            else:
                page_loss += _logistic(s, i, worse, n, weight[i], λ)
            pairs += n
        if pairs > 0:
            pages += 1
            share = 1.0 / pairs
            loss += page_loss * share
            for i in range(start, stop):
                λ[i] *= share
    share = 1.0 / max(pages, 1)
    λ *= share
    return loss * share, λ


@_inlined
def _exponentials(s, start, stop, e):  # type: ignore[no-untyped-def]
    """Write exp(s) of a page, relative to that of its first row, into `e`; return if its scores are close enough."""
    for i in range(start, stop):
        away = s[i] - s[start]
        if not abs(away) <= _MAX_DISTANCE:  # also excludes NaN
            return False
        e[i - start] = math.exp(away)
    return True


@_inlined
def _logistic_of_close(e, start, i, worse, n, weight, λ):  # type: ignore[no-untyped-def]
    """`_logistic` with exp(−m) as a ratio of two rows' exponentials, and one logarithm for many pairs."""
    loss = pull = 0.0
    product = 1.0
    inverse = 1.0 / e[i - start]
    for k in range(n):
        j = worse[k]
        ratio = e[j - start] * inverse
        σ = ratio / (1.0 + ratio)  # of −m
        λ[j] += weight * σ
        pull += σ
        product *= 1.0 + ratio
        if k % _AT_ONCE == _AT_ONCE - 1:
            loss += math.log(product)
            product = 1.0
    λ[i] -= weight * pull
    return weight * (loss + math.log(product))


@_inlined
def _logistic(s, i, worse, n, weight, λ):  # type: ignore[no-untyped-def]
    """Σ log(1 + exp(−m)) over the n pairs of row i, times its weight; add its gradient to λ. Never overflows."""
    loss = 0.0
    for k in range(n):
        j = worse[k]
        m = s[i] - s[j]
        exponential = math.exp(-abs(m))
        σ = (exponential if m > 0 else 1.0) / (1.0 + exponential)  # of −m
        loss += math.log1p(exponential) + max(-m, 0.0)
        λ[i] -= weight * σ
        λ[j] += weight * σ
    return weight * loss


@_inlined
def _hinge(s, i, worse, n, weight, λ):  # type: ignore[no-untyped-def]
    """Σ max(0, 1 − m)² over the n pairs of row i, times its weight; add its gradient to λ."""
    loss = 0.0
    for k in range(n):
        j = worse[k]
        short = 1.0 - (s[i] - s[j])
        short = 0.0 if short < 0.0 else short  # keeps NaN
        loss += short * short
        λ[i] -= weight * 2.0 * short
        λ[j] += weight * 2.0 * short
    return weight * loss
