"""The click matrix of two columns, such as listing and query, reduced by a truncated SVD: A ≈ U Σ Vᵀ.

The entries of A are log(1 + clicks) of the days before the current week, so that no label leaks into a feature of its
own day. The numbers of a value are its row of U √Σ or V √Σ. The number of a pair is the product of both rows, which is
its entry of the reduced A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from etsyml_cli.core.types import F64, U64
from etsyml_cli.history.history import add_counts, find_positions
from etsyml_cli.text.hashing import Numbers
from etsyml_cli.text.sparse_svd import sparse_svd

DAYS_PER_FIT = 7
RIGHT = np.uint64(0xFFFFFFFF)  # mask of the second column's part of a key


@dataclass(frozen=True)
class Side:
    """The numbers `x`, (M, K), of the values of one column; their `keys`, (M,), are ascending."""

    keys: U64
    x: F64


class ClickSvd:
    """Clicks of M pairs on all days before `today`, with ascending `keys`, (M,), and the latest fit to them.

    The key of a pair is the hash of its first value times 2^32, plus the hash of its second.
    """

    def __init__(
        self,
        dim: int,
        today: int,
        keys: U64 | None = None,
        clicks: F64 | None = None,
        sides: tuple[Side, Side] | None = None,
        fitted: bool = True,
    ) -> None:
        empty = Side(np.empty(0, np.uint64), np.empty((0, dim)))
        self.dim = dim
        self.today = today
        self.keys = np.empty(0, np.uint64) if keys is None else keys
        self.clicks = np.empty(0) if clicks is None else clicks
        self.left, self.right = sides or (empty, empty)
        self._fitted = fitted  # whether the latest fit includes all clicks
        self._open: list[tuple[U64, F64]] = []

    def add(self, keys: U64, clicks: F64) -> None:
        """Add rows of today, each array (N,)."""
        clicked = clicks > 0
        self._open.append((keys[clicked], clicks[clicked]))

    def begin(self, day: int) -> None:
        """Begin `day`. In a new week, the matrix of all earlier clicks is reduced again."""
        if day == self.today:
            return
        for keys, clicks in self._open:
            self.keys, sums = add_counts(self.keys, self.clicks[:, None], keys, clicks[:, None])
            self.clicks = sums[:, 0]
            self._fitted = self._fitted and not len(keys)
        self._open = []
        if day // DAYS_PER_FIT != self.today // DAYS_PER_FIT and not self._fitted:
            self.left, self.right = self._fit()
            self._fitted = True
        self.today = day

    def numbers(self, name: str, keys: U64, present: NDArray[np.bool_]) -> list[Numbers]:
        """The numbers of both values of each `present` row and of the pair; `keys` and `present` are (N,)."""
        left, right = (
            np.where(present, find_positions(side.keys, of), -1)
            for side, of in ((self.left, keys >> np.uint64(32)), (self.right, keys & RIGHT))
        )
        both = np.flatnonzero((left >= 0) & (right >= 0))
        codes = np.full(len(keys), -1)
        codes[both] = np.arange(len(both))
        together = (self.left.x[left[both]] * self.right.x[right[both]]).sum(axis=1, keepdims=True)
        return [
            Numbers([f"{name}.left{i}" for i in range(self.dim)], self.left.x, left),
            Numbers([f"{name}.right{i}" for i in range(self.dim)], self.right.x, right),
            Numbers([f"{name}.svd"], together, codes),
        ]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The state, without the rows of today, for `click_svd_of`."""
        return {
            "keys": self.keys,
            "clicks": self.clicks,
            "today": np.array([self.today]),
            "fitted": np.array([self._fitted], np.uint8),
            "left.keys": self.left.keys,
            "left": self.left.x,
            "right.keys": self.right.keys,
            "right": self.right.x,
        }

    def _fit(self) -> tuple[Side, Side]:
        """The largest singular vectors, rotated to those of the latest fit, so that learned weights remain valid."""
        from scipy import sparse

        left, rows = np.unique(self.keys >> np.uint64(32), return_inverse=True)
        right, columns = np.unique(self.keys & RIGHT, return_inverse=True)
        matrix = sparse.csr_matrix((np.log1p(self.clicks), (rows, columns)), (len(left), len(right)))
        k = min(self.dim, min(matrix.shape) - 1)
        if k < 1:
            return self.left, self.right
        u, strength, v = sparse_svd(matrix, k)
        x_left, x_right = (np.pad(x * np.sqrt(strength), ((0, 0), (0, self.dim - k))) for x in (u, v))
        turn = self._turn(right, x_right)
        return Side(left, x_left @ turn), Side(right, x_right @ turn)

    def _turn(self, right: U64, x: F64) -> F64:
        before = find_positions(self.right.keys, right)
        known = before >= 0
        if not known.any():
            return np.eye(self.dim)
        from scipy.linalg import orthogonal_procrustes  # imported on use: most models have no click matrix

        with threadpool_limits(1, user_api="blas"):
            turn: F64 = orthogonal_procrustes(x[known], self.right.x[before[known]])[0]
        return turn


def click_svd_of(dim: int, tensors: Mapping[str, NDArray[Any]]) -> ClickSvd:
    """Restore a click matrix from `ClickSvd.tensors`. Raises ValueError if the tensors do not fit together."""
    sides = tuple(Side(tensors[f"{side}.keys"], tensors[side]) for side in ("left", "right"))
    if any(side.x.shape != (len(side.keys), dim) for side in sides) or len(tensors["keys"]) != len(tensors["clicks"]):
        raise ValueError("the parts of a click matrix do not fit each other")
    today, fitted = int(tensors["today"][0]), bool(tensors["fitted"][0])
    return ClickSvd(dim, today, tensors["keys"], tensors["clicks"], (sides[0], sides[1]), fitted)
