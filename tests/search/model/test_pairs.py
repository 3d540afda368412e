"""The pair kernel: the talk's Algorithm 2 with every pair written out, for each loss and each choice of pairs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.search.model.pairs import Pages, count_pairs, iterate_pairs, pair_loss

KINDS = ["all", "adjacent", "skip-above"]
LOSSES = ["logistic", "hinge"]

usual_scores = st.floats(-30, 30)
scores = st.one_of(usual_scores, st.sampled_from([0.0, 1.0, -700.0, 700.0, -1e6, 1e6]))
rows = st.tuples(st.integers(0, 4), st.integers(1, 9), st.sampled_from([0.5, 1.0, 1.0, 7.25]), scores)
pages_of_rows = st.lists(st.lists(rows, max_size=7), max_size=5)


def build(pages):
    """Pages of (level, position, weight, score) rows, and the scores."""
    flat = [row for page in pages for row in page]
    level, position, weight, s = zip(*flat, strict=True) if flat else ([], [], [], [])
    offsets = np.cumsum([0, *map(len, pages)])
    built = Pages(np.array(level, np.int8), np.array(position, np.int64), np.array(weight, np.float64), offsets)
    return built, np.array(s, np.float64)


def random_pages(rng, sizes):
    n = sum(sizes)
    level, position = rng.choice([0, 0, 0, 1, 2, 3], n).astype(np.int8), rng.integers(1, 30, n)
    return Pages(level, position, rng.uniform(0.5, 4, n), np.cumsum([0, *sizes]))


def reference_pairs(pages, kind):
    """For each page, its (better, worse) rows."""
    listed = []
    for start, stop in pairwise(pages.offsets):
        page = range(start, stop)
        place = {used: rank for rank, used in enumerate(sorted({pages.position[i] for i in page}))}
        meets = {
            "all": lambda _: True,
            "adjacent": lambda steps: abs(steps) == 1,
            "skip-above": lambda steps: steps > 0,
        }[kind]
        listed.append(
            [
                (i, j)
                for i in page
                for j in page
                if pages.level[i] > pages.level[j] and meets(place[pages.position[i]] - place[pages.position[j]])
            ]
        )
    return listed


def reference_loss(s, pages, kind, loss, rng):
    """Algorithm 2 with d = s and w = 1: x = d+ - d- and y = 1, or both turned round by the flip of a coin."""
    per_page = [page for page in reference_pairs(pages, kind) if page]
    total, gradient = 0.0, np.zeros(len(s))
    for page in per_page:
        for i, j in page:
            y = 1 if rng.random() > 0.5 else -1
            x = y * (s[i] - s[j])
            if loss == "logistic":
                value, slope = np.logaddexp(0, -y * x), -y * np.exp(-np.logaddexp(0, y * x))
            else:
                value, slope = max(0, 1 - y * x) ** 2, -2 * y * max(0, 1 - y * x)
            share = pages.weight[i] / len(page) / len(per_page)
            total += share * value
            gradient[i] += share * slope * y
            gradient[j] -= share * slope * y
    return total, gradient


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(pages_of_rows, st.integers(0, 2**32 - 1))
def test_the_kernel_equals_algorithm_2_with_every_pair_written_out(kind, loss, page_rows, seed):
    pages, s = build(page_rows)
    expected, expected_gradient = reference_loss(s, pages, kind, loss, np.random.default_rng(seed))
    found, gradient = pair_loss(s, pages, pairs=kind, loss=loss)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-13 * max(1, np.abs(s).max(initial=0)))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spread", [1, 12], ids=["near scores", "far scores"])
def test_long_pages_equal_the_reference(kind, loss, spread):
    rng = np.random.default_rng(4)
    pages = random_pages(rng, [70, 1, 90])
    s = rng.normal(0, spread, 161)
    expected, expected_gradient = reference_loss(s, pages, kind, loss, rng)
    found, gradient = pair_loss(s, pages, pairs=kind, loss=loss)
    assert found == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_finite_differences(kind, loss):
    rng = np.random.default_rng(1)
    pages, step = random_pages(rng, [6, 9, 4]), 1e-6
    s = rng.normal(0, 2, 19)
    _, gradient = pair_loss(s, pages, pairs=kind, loss=loss)
    for row, unit in enumerate(np.eye(19)):
        up = pair_loss(s + step * unit, pages, pairs=kind, loss=loss)[0]
        down = pair_loss(s - step * unit, pages, pairs=kind, loss=loss)[0]
        assert gradient[row] == pytest.approx((up - down) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(pages_of_rows, st.integers(1, 20))
def test_pairs_are_counted_and_iterated_as_the_reference_lists_them(kind, page_rows, at_once):
    pages, _ = build(page_rows)
    expected = reference_pairs(pages, kind)
    assert count_pairs(pages, kind).tolist() == list(map(len, expected))
    parts = list(iterate_pairs(pages, kind, at_once=at_once))
    found = [pair for better, worse in parts for pair in zip(better.tolist(), worse.tolist(), strict=True)]
    assert found == [pair for page in expected for pair in page]
    longest = max((np.bincount(better).max() for better, _ in parts), default=0)
    assert all(0 < len(better) <= max(at_once, longest) for better, _ in parts)


def test_the_log_may_leave_places_out_and_put_two_on_one():
    pages, _ = build([[(1, 3, 1, 0), (0, 3, 1, 0), (0, 10, 1, 0), (0, 12, 1, 0), (0, 1, 1, 0)]])
    assert count_pairs(pages, "all").tolist() == [4]
    assert list(zip(*next(iterate_pairs(pages, "adjacent")), strict=True)) == [(0, 2), (0, 4)]
    assert list(zip(*next(iterate_pairs(pages, "skip-above")), strict=True)) == [(0, 4)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_score_that_is_no_number_makes_the_loss_none(row, loss):
    pages, s = build([[(0, 1, 1, 0), (1, 2, 1, 0), (0, 3, 1, 0)], [(1, 1, 1, 0), (0, 2, 1, 0)]])
    s[row] = np.nan
    assert np.isnan(pair_loss(s, pages, loss=loss)[0])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("far", [np.inf, -np.inf])
def test_two_infinite_scores_have_no_margin(far, loss):
    pages, _ = build([[(0, 1, 1, 0), (1, 2, 1, 0)]])
    assert np.isnan(pair_loss(np.array([far, far]), pages, loss=loss)[0])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "levels", [[], [1], [1, 1, 1], [0, 0, 0]], ids=["no row", "one", "all clicked", "none clicked"]
)
def test_a_page_without_a_pair_changes_nothing(levels, loss):
    page = [(1, 1, 2, 0.3), (0, 2, 1, -0.2), (0, 3, 1, 0.7)]
    without = [(level, 1, 1, 1.0) for level in levels]
    alone, gradient_alone = pair_loss(*build([page])[::-1], loss=loss)
    pages, s = build([page, without])
    found, gradient = pair_loss(s, pages, loss=loss)
    assert found == alone
    assert gradient.tolist() == [*gradient_alone, *np.zeros(len(levels))]
    assert pair_loss(*build([without])[::-1], loss=loss)[0] == 0


def test_a_choice_of_pages_keeps_their_rows_together():
    pages = random_pages(np.random.default_rng(2), [3, 0, 5, 2])
    chosen = np.array([True, True, False, True])
    rows, taken = pages.rows(chosen), pages.take(chosen)
    assert rows.tolist() == [0, 1, 2, 8, 9]
    assert taken.offsets.tolist() == [0, 3, 3, 5]
    for name in ("level", "position", "weight"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(pages, name)[rows])
    assert pages.rows(np.array([3, 1, 0])).tolist() == [8, 9, 0, 1, 2]
    assert pages.take(np.array([3, 1, 0])).offsets.tolist() == [0, 2, 2, 5]
