"""What makes a style: log-odds, NPMI and nearness, against formulas written out and other people's programs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.styles import (
    co_favorites,
    coherence,
    highest,
    log_odds,
    nearest_styles,
    npmi,
    styles_of_listings,
)

counts_of_few = arrays(np.float64, st.integers(1, 8), elements=st.sampled_from([0.0, 1e-9, 0.5, 1.0, 30.0, 1e7]))


def favorites(matrix: np.ndarray) -> Favorites:
    rows = sparse.csr_matrix(matrix)
    return Favorites(rows.indptr.astype(np.int64), rows.indices.astype(np.int32))


def monroe(inside: list[float], outside: list[float]) -> list[float]:
    """Equations 16, 20 and 22, one word at a time; the prior and the one unseen count as in the docstring."""
    n_words, total = len(inside), [i + o + 1 for i, o in zip(inside, outside, strict=True)]
    a = [n_words * t / sum(total) for t in total]
    a_0, n_i, n_j = sum(a) + 1, sum(inside), sum(outside)
    z = []
    for w in range(n_words):
        y_i, y_j = inside[w], outside[w]
        delta = math.log((y_i + a[w]) / (n_i + a_0 - y_i - a[w])) - math.log((y_j + a[w]) / (n_j + a_0 - y_j - a[w]))
        z.append(delta / math.sqrt(1 / (y_i + a[w]) + 1 / (y_j + a[w])))
    return z


def test_log_odds_are_those_of_the_paper() -> None:
    inside, outside = [30.0, 2, 0, 5.5], [10.0, 40, 7, 5.5]
    np.testing.assert_allclose(log_odds(np.array(inside), np.array(outside)), monroe(inside, outside), rtol=1e-12)


def test_a_listing_favorited_once_does_not_win_by_chance() -> None:
    inside, outside = np.full(50, 10.0), np.full(50, 90.0)
    inside[0], outside[0] = 1, 0  # all of it is of the style: the highest lift
    inside[1], outside[1] = 60, 40
    assert log_odds(inside, outside).argmax() == 1
    assert log_odds(inside, outside)[0] < 2


@given(st.data(), counts_of_few)
def test_log_odds_are_finite_and_turn_with_their_sides(data: st.DataObject, inside: np.ndarray) -> None:
    outside = data.draw(arrays(np.float64, len(inside), elements=st.sampled_from([0.0, 1e-9, 2.0, 1e7])))
    z = log_odds(inside, outside)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(z, -log_odds(outside, inside), atol=1e-9)


@given(st.lists(st.integers(0, 3), max_size=9), st.integers(0, 12))
def test_the_highest_are_the_first_of_all_sorted(scores: list[int], n: int) -> None:
    every = sorted(range(len(scores)), key=lambda place: (scores[place], place), reverse=True)
    assert highest(np.array(scores, np.float64), n).tolist() == every[:n]


def test_bayes_by_hand() -> None:
    found = styles_of_listings(np.array([0.75, 0.25]), np.array([[0.5, 0.5, 0], [0.1, 0.9, 0]], np.float32))
    np.testing.assert_allclose(found, [[15 / 16, 5 / 8, 0], [1 / 16, 3 / 8, 0]], rtol=1e-6)


HAND = np.array([[1, 1, 0, 1], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0]])  # users × listings


def test_npmi_by_hand() -> None:
    """p = (3/4, 2/4, 2/4, 1/4). Listings 0 and 1: two of four users, so (2 + 3/8) / 5."""
    found = npmi(co_favorites(favorites(HAND), np.array([[0, 1, 2, 3]]), 4), 4)
    joint = (2 + 3 / 8) / 5
    assert found[0, 0, 1] == pytest.approx(math.log(joint / (3 / 8)) / -math.log(joint))
    joint = (0 + 1 / 4) / 5  # listings 1 and 2: no users
    assert found[0, 1, 2] == pytest.approx(math.log(joint / (1 / 4)) / -math.log(joint))
    assert found[0, 1, 2] < 0 < found[0, 0, 1]


def test_npmi_has_the_limits_of_the_paper() -> None:
    n_users = 10**9

    def of(x: int, y: int, both: int) -> float:
        return npmi(np.array([[x, both], [both, y]]), n_users)[0, 1]

    assert of(1000, 1000, 1000) == pytest.approx(1)  # only ever together
    assert of(10**8, 10**8, 10**7) == pytest.approx(0, abs=1e-6)  # as by chance
    assert of(10**8, 10**8, 0) < -0.8  # never
    assert of(1000, 0, 0) == -1
    assert of(n_users, n_users, n_users) == 1


def test_coherence_is_gensims_where_there_are_many_users() -> None:
    gensim_npmi = pytest.importorskip("gensim.topic_coherence.direct_confirmation_measure").log_ratio_measure
    accumulator = pytest.importorskip("gensim.topic_coherence.text_analysis").CorpusAccumulator
    rng = np.random.default_rng(0)
    matrix = (rng.random((5000, 12)) < 0.1) | (rng.random((5000, 1)) < 0.1)
    tops = np.array([[0, 1, 2, 3], [4, 5, 6, 11]])
    index = accumulator(set(range(12))).accumulate([[(i, 1) for i in np.flatnonzero(row)] for row in matrix])
    pairs = [list(itertools.combinations(top, 2)) for top in tops.tolist()]
    ours = coherence(npmi(co_favorites(favorites(matrix), tops, 12), len(matrix)))
    np.testing.assert_allclose(ours, gensim_npmi(pairs, index, normalize=True), atol=1e-3)


@given(arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 6))), st.data())
def test_coherence_is_never_nan(matrix: np.ndarray, data: st.DataObject) -> None:
    n_users, n_listings = matrix.shape
    top = data.draw(st.lists(st.integers(0, n_listings - 1), min_size=1, unique=True))
    counts = co_favorites(favorites(matrix), np.array([top]), n_listings)
    slow = [[int((matrix[:, x] & matrix[:, y]).sum()) for y in top] for x in top]
    assert counts.tolist() == [slow]
    pairs = npmi(counts, n_users)
    assert ((pairs >= -1) & (pairs <= 1)).all() and np.isfinite(coherence(pairs)).all()


def test_listings_favorited_together_are_more_coherent_than_by_chance_and_than_never() -> None:
    rng = np.random.default_rng(1)
    block = np.repeat(rng.random((300, 1)) < 0.2, 3, axis=1)
    chance = rng.random((300, 3)) < 0.2
    never = np.eye(3, dtype=bool)[rng.integers(0, 3, 300)] & (rng.random((300, 1)) < 0.6)
    found = coherence(
        npmi(co_favorites(favorites(np.hstack([block, chance, never])), np.arange(9).reshape(3, 3), 9), 300)
    )
    assert found[0] > 0.9 and abs(found[1]) < 0.1 and found[2] < -0.3


def test_nearness_is_one_less_the_squared_hellinger_distance() -> None:
    beta = np.random.default_rng(2).dirichlet(np.full(6, 0.5), 4).astype(np.float32)
    near, alike = nearest_styles(beta, 2)
    for style in range(4):
        slow = {
            other: 1
            - sum((math.sqrt(p) - math.sqrt(q)) ** 2 for p, q in zip(beta[style], beta[other], strict=True)) / 2
            for other in range(4)
            if other != style
        }
        best = sorted(slow, key=lambda other: -slow[other])[:2]
        assert near[style].tolist() == best
        np.testing.assert_allclose(alike[style], [slow[other] for other in best], rtol=1e-4)


def test_a_single_style_has_none_near() -> None:
    near, alike = nearest_styles(np.ones((1, 3), np.float32) / 3, 3)
    assert near.shape == alike.shape == (1, 0)
