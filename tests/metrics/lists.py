"""Random lists of recommendations for the tests of metrics."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from etsyml_cli.metrics.recommendation import RecommendedLists

N_LISTINGS = 12
Case = tuple[list[list[int]], list[set[int]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Ranked lists (-1 for empty places) and held-out favorites, for one to five users."""
    n_users, k = draw(st.integers(1, 5)), draw(st.integers(1, N_LISTINGS))
    listings = range(N_LISTINGS)
    lists, held_out = [], []
    for _ in range(n_users):
        shown = draw(st.permutations(listings))[: draw(st.integers(0, k))]
        lists.append([*shown, *[-1] * (k - len(shown))])
        held_out.append(draw(st.sets(st.sampled_from(listings), min_size=1)))
    return lists, held_out


def arrays(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lists, held_out = case
    indptr = np.cumsum([0, *map(len, held_out)])
    indices = np.array([i for of_user in held_out for i in sorted(of_user)], np.int32)
    return np.array(lists, np.int32), indptr, indices


def lists_of(
    top: list[list[int]],
    *,
    held_out: list[list[int]] | None = None,
    train: list[list[int]] | None = None,
    favorites: list[int] | None = None,
    n_users: int = 1,
    shop_of: list[int] | None = None,
) -> RecommendedLists:
    """Lists with only the data that a test needs."""
    return RecommendedLists(
        np.array(top, np.int32),
        _csr(held_out or [[] for _ in top]),
        _csr(train or [[] for _ in top]),
        np.array(favorites or []),
        n_users,
        None if shop_of is None else np.array(shop_of, np.int32),
    )


def _csr(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([0, *map(len, rows)]), np.array([i for row in rows for i in row], np.int32)
