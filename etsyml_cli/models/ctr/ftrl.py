"""FTRL-Proximal logistic regression (McMahan et al., KDD'13, Algorithm 1) over hashed rows in CSR.

A state `zn`, shape (D, 2), holds z and n of a slot side by side, 16 bytes, so that a feature costs one cache line.
There is no weight vector: w follows from z and n wherever it is needed. The bias is a slot like any other.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.models.ctr.config import CtrConfig

Floats = NDArray[np.float64]
Slots = NDArray[np.uint32]


def new_state(bits: int) -> Floats:
    """z = n = 0 for 2**bits hashed slots and, last, the bias; shape (2**bits + 1, 2)."""
    return np.zeros(((1 << bits) + 1, 2))


def start_at(zn: Floats, click_rate: float, config: CtrConfig) -> None:
    """Set the bias so that it alone predicts `click_rate`: Algorithm 1's weight, solved for z at n = 0.

    From z = 0 the features of every row would learn the base rate between them, and a row that lacks them, such as
    that of a new ad, would be predicted far too high.
    """
    w = np.log(click_rate / (1 - click_rate))
    zn[-1] = -(w * (config.beta / config.alpha + config.l2) + np.copysign(config.l1, w)), 0.0


def used_slots(zn: Floats) -> tuple[Slots, Floats]:
    """The slots that have learned anything, shape (M,), and their z and n, shape (M, 2)."""
    slots = np.flatnonzero(zn.any(axis=1)).astype(np.uint32)
    return slots, zn[slots]


def state_of(slots: Slots, learned: Floats, bits: int) -> Floats:
    """The state that `used_slots` was taken from."""
    zn = new_state(bits)
    zn[slots] = learned
    return zn


def hashing_figures(zn: Floats) -> dict[str, int]:
    """How full the hashed slots are, and so how many features there were and how many of them share a slot.

    The number of features is Whang et al.'s linear counting (TODS 1990), −D·ln(1 − used/D) for D slots; of that many
    features, thrown at random, each is alone in its slot with probability exp(−features/D).
    """
    hashed = len(zn) - 1
    used = int(np.count_nonzero(zn[:-1].any(axis=1)))
    features = hashed * -np.log1p(-min(used, hashed - 1) / hashed)
    sharing = features * -np.expm1(-features / hashed)
    return {"slots": hashed, "slots_used": used, "features": round(features), "features_sharing_a_slot": round(sharing)}


def predict(zn: Floats, ptr: NDArray[np.int64], slots: Slots, x: Floats, config: CtrConfig) -> Floats:
    """Probability of a click for each row, shape (N,)."""
    p = np.empty(len(ptr) - 1)
    _predict(ptr, slots, x, zn, config.alpha, config.beta, config.l1, config.l2, p)
    return p


def weights(zn: Floats, slots: Slots, config: CtrConfig) -> Floats:
    """The weight of each of these slots, shape (M,)."""
    return np.array([_weight(z, n, config.alpha, config.beta, config.l1, config.l2) for z, n in zn[slots]])


def learn(
    zn: Floats,
    ptr: NDArray[np.int64],
    slots: Slots,
    x: Floats,
    clicks: Floats,
    impressions: Floats,
    config: CtrConfig,
) -> Floats:
    """Update `zn` row by row; returns p of each row as it was predicted before its update, shape (N,).

    A row stands for `impressions` showings, `clicks` of them clicked; slots are distinct within a row.
    Raises DataError for clicks outside 0 … impressions and for values that are not finite.
    """
    if not (np.all(clicks >= 0) and np.all(clicks <= impressions) and np.all(np.isfinite(impressions))):
        raise DataError("a row has clicks below 0 or above its impressions", hint="A label is 0 or 1. Ingest again.")
    if not np.all(np.isfinite(x)):
        raise DataError("a feature is NaN or infinite")
    p = np.empty(len(clicks))
    _learn(ptr, slots, x, clicks, impressions, zn, config.alpha, config.beta, config.l1, config.l2, p)
    return p


@njit(cache=True, nogil=True)
def _weight(z, n, alpha, beta, l1, l2):  # type: ignore[no-untyped-def]
    """w of one slot (Algorithm 1): 0 where |z| <= l1, else −(z − sgn(z)·l1) / ((beta + √n)/alpha + l2)."""
    if abs(z) <= l1:
        return 0.0
    return -(z - np.copysign(l1, z)) / ((beta + np.sqrt(n)) / alpha + l2)


@njit(cache=True, nogil=True)
def _predict(ptr, slots, x, zn, alpha, beta, l1, l2, p):  # type: ignore[no-untyped-def]
    """p = σ(x·w). An extreme logit gives p = 0 or 1 exactly, never NaN, so it is not clipped."""
    for t in range(len(p)):
        a = 0.0
        for k in range(ptr[t], ptr[t + 1]):
            a += x[k] * _weight(zn[slots[k], 0], zn[slots[k], 1], alpha, beta, l1, l2)
        p[t] = 1 / (1 + np.exp(-a))


@njit(cache=True, nogil=True)
def _learn(ptr, slots, x, clicks, impressions, zn, alpha, beta, l1, l2, p):  # type: ignore[no-untyped-def]
    """Algorithm 1 of McMahan et al. (KDD'13); a row of N showings and c clicks is N unit rows at one p.

    Unit rows of gradient g·x, g = p − y, add up to z += (Np − c)·x − σw and n += [c(1 − p)² + (N − c)p²]·x².
    """
    w = np.empty(np.diff(ptr).max() if len(p) else 0)
    for t in range(len(p)):
        start, stop = ptr[t], ptr[t + 1]
        a = 0.0
        for k in range(start, stop):
            w[k - start] = _weight(zn[slots[k], 0], zn[slots[k], 1], alpha, beta, l1, l2)
            a += x[k] * w[k - start]
        p[t] = 1 / (1 + np.exp(-a))
        c, shown = clicks[t], impressions[t]
        g = shown * p[t] - c
        g_squared = c * (1 - p[t]) ** 2 + (shown - c) * p[t] ** 2
        for k in range(start, stop):
            n = zn[slots[k], 1]
            n_new = n + g_squared * x[k] ** 2
            sigma = (np.sqrt(n_new) - np.sqrt(n)) / alpha
            zn[slots[k], 0] += g * x[k] - sigma * w[k - start]
            zn[slots[k], 1] = n_new
