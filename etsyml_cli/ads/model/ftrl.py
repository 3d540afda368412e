"""FTRL-Proximal logistic regression (McMahan et al., KDD'13, Algorithm 1) over hashed rows in CSR.

A state `zn`, shape (D, 2), has z and n of a slot next to each other, 16 bytes, so that a feature costs one cache line.
There is no weight vector: w is computed from z and n when needed. The bias is a slot like any other.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.model.prefetch import prefetch_row
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.types import F64

Slots = NDArray[np.uint32]

PREFETCH_ROWS = 3  # a row is fetched into the cache this many rows ahead


class HashingFigures(msgspec.Struct, kw_only=True):
    """Use of the hashed slots; the last two numbers are estimates."""

    slots: int
    slots_used: int
    features: int
    features_sharing_a_slot: int


def new_state(bits: int) -> F64:
    """z = n = 0 for 2**bits hashed slots and, last, the bias; shape (2**bits + 1, 2)."""
    return np.zeros(((1 << bits) + 1, 2))


def start_at(zn: F64, click_rate: float, config: CtrConfig) -> None:
    """Set the bias so that it alone predicts `click_rate`: Algorithm 1's weight, solved for z at n = 0.

    From z = 0 the features of the rows would learn the base rate together, and predictions for a row without these
    features, such as a new ad, would be far too high.
    """
    w = np.log(click_rate / (1 - click_rate))
    zn[-1] = -(w * (config.beta / config.alpha + config.l2) + np.copysign(config.l1, w)), 0.0


def used_slots(zn: F64) -> tuple[Slots, F64]:
    """The slots in use, shape (M,), and their z and n, shape (M, 2)."""
    slots = np.flatnonzero(_used(zn)).astype(np.uint32)
    return slots, zn[slots]


def state_of(slots: Slots, learned: F64, bits: int) -> F64:
    """The state with these slots in use, the inverse of `used_slots`; shape (2**bits + 1, 2)."""
    zn = new_state(bits)
    zn[slots] = learned
    return zn


def hashing_figures(zn: F64) -> HashingFigures:
    """The number of slots in use, with estimates of the number of features and of those that share a slot.

    The number of features is Whang et al.'s linear counting (TODS 1990), −D·ln(1 − used/D) for D slots; of that many
    features, hashed at random, each is alone in its slot with probability exp(−features/D).
    """
    hashed = len(zn) - 1
    used = int(np.count_nonzero(_used(zn[:-1])))
    features = hashed * -np.log1p(-min(used, hashed - 1) / hashed)
    sharing = features * -np.expm1(-features / hashed)
    return HashingFigures(
        slots=hashed, slots_used=used, features=round(features), features_sharing_a_slot=round(sharing)
    )


def _used(zn: F64) -> NDArray[np.bool_]:
    return np.logical_or(zn[:, 0], zn[:, 1])  # zn.any(axis=1) takes ten times as long


def predict(zn: F64, ptr: NDArray[np.int64], slots: Slots, x: F64, config: CtrConfig) -> F64:
    """Click probability of each row, shape (N,)."""
    p = np.empty(len(ptr) - 1)
    _predict(ptr, slots, x, zn, config.alpha, config.beta, config.l1, config.l2, p)
    return p


def weights(zn: F64, slots: Slots, config: CtrConfig) -> F64:
    """The weight of each of these slots, shape (M,)."""
    beta_and_l2 = config.beta + config.alpha * config.l2
    return config.alpha * np.array([_weight_by_alpha(z, np.sqrt(n), beta_and_l2, config.l1) for z, n in zn[slots]])


def learn(
    zn: F64,
    ptr: NDArray[np.int64],
    slots: Slots,
    x: F64,
    clicks: F64,
    impressions: F64,
    config: CtrConfig,
) -> F64:
    """Update `zn` row by row; returns the prediction p of each row made just before its update, shape (N,).

    A row aggregates `impressions`, `clicks` of them clicked; the slots of a row are distinct, and x is finite.
    Raises DataError if clicks are negative or more than the impressions.
    """
    if not (np.all(clicks >= 0) and np.all(clicks <= impressions) and np.all(np.isfinite(impressions))):
        raise DataError(
            "a row has negative clicks or more clicks than impressions",
            hint="A label is 0 or 1. Ingest the log again.",
        )
    p = np.empty(len(clicks))
    _learn(ptr, slots, x, clicks, impressions, zn, config.alpha, config.beta, config.l1, config.l2, p)
    return p


_compiled = njit(cache=True, nogil=True, error_model="numpy")  # else loops are not vectorized


@_compiled
def _weight_by_alpha(z, root_n, beta_and_l2, l1):  # type: ignore[no-untyped-def]
    """w/alpha of one slot, where Algorithm 1 has w = −(z − sgn(z)·l1) / ((beta + √n)/alpha + l2), or 0 for |z| <= l1.

    `beta_and_l2` is beta + alpha·l2. This saves a division by alpha per slot, here and for σw.
    """
    if abs(z) <= l1:
        return 0.0
    return -(z - np.copysign(l1, z)) / (beta_and_l2 + root_n)


@_compiled
def _predict(ptr, slots, x, zn, alpha, beta, l1, l2, p):  # type: ignore[no-untyped-def]
    """p = σ(x·w). An extreme logit gives p = 0 or 1 exactly, never NaN, so it is not clipped."""
    for t in range(len(p)):
        for slot in slots[ptr[min(t + PREFETCH_ROWS, len(p))] : ptr[min(t + PREFETCH_ROWS + 1, len(p))]]:
            prefetch_row(zn, slot)
        a = 0.0
        for k in range(ptr[t], ptr[t + 1]):
            a += x[k] * _weight_by_alpha(zn[slots[k], 0], np.sqrt(zn[slots[k], 1]), beta + alpha * l2, l1)
        p[t] = 1 / (1 + np.exp(-alpha * a))


@_compiled
def _learn(ptr, slots, x, clicks, impressions, zn, alpha, beta, l1, l2, p):  # type: ignore[no-untyped-def]
    """Algorithm 1 of McMahan et al. (KDD'13); a row of N impressions and c clicks is N unit rows at one p.

    Unit rows of gradient g·x, g = p − y, add up to z += (Np − c)·x − σw and n += [c(1 − p)² + (N − c)p²]·x².
    Memory access limits the speed: later rows are fetched early, and computation is grouped in short loops.
    """
    longest = np.diff(ptr).max() if len(p) else 0
    z, n, root_n, u = np.empty(longest), np.empty(longest), np.empty(longest), np.empty(longest)  # u is w/alpha
    beta_and_l2 = beta + alpha * l2
    for t in range(len(p)):
        for slot in slots[ptr[min(t + PREFETCH_ROWS, len(p))] : ptr[min(t + PREFETCH_ROWS + 1, len(p))]]:
            prefetch_row(zn, slot)
        own, v = slots[ptr[t] : ptr[t + 1]], x[ptr[t] : ptr[t + 1]]
        for k in range(len(own)):
            z[k] = zn[own[k], 0]
            n[k] = zn[own[k], 1]
        for k in range(len(own)):
            root_n[k] = np.sqrt(n[k])
            u[k] = _weight_by_alpha(z[k], root_n[k], beta_and_l2, l1)
        a = 0.0
        for k in range(len(own)):
            a += v[k] * u[k]
        p_t = 1 / (1 + np.exp(-alpha * a))
        c, shown = clicks[t], impressions[t]
        g = shown * p_t - c
        g_squared = c * (1 - p_t) ** 2 + (shown - c) * p_t**2
        for k in range(len(own)):
            n_new = n[k] + g_squared * v[k] ** 2
            z[k] += g * v[k] - (np.sqrt(n_new) - root_n[k]) * u[k]
            n[k] = n_new
        for k in range(len(own)):
            zn[own[k], 0] = z[k]
            zn[own[k], 1] = n[k]
        p[t] = p_t
