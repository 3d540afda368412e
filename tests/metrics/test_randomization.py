from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from etsyml_cli.core.errors import DataError
from etsyml_cli.metrics.bootstrap import compared_means
from etsyml_cli.metrics.randomization import FLIPS, p_values


def exact(differences):
    """The share of all 2^N choices of signs with a mean at least as far from 0."""
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=len(differences))]
    return np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.8, 3.0])
def test_p_is_that_of_every_choice_of_signs(shift):
    differences = np.random.default_rng(3).normal(shift, 1, (2, 12))
    expected = [exact(row) for row in differences]
    np.testing.assert_allclose(p_values(differences, seed=1), expected, atol=4 * 0.5 / np.sqrt(FLIPS))


def test_units_with_equal_gains_tie_with_themselves_despite_rounding():
    """Of ±0.1 on 3 units 2 in 8 sums are as far from 0 as what was seen, though floats add up to 0.30000000000000004."""
    [p] = p_values(np.full((1, 3), 0.1), seed=0)
    assert p == pytest.approx(0.25, abs=0.02)


def test_no_difference_has_p_one_and_a_plain_one_the_least_p():
    same, better = p_values(np.array([np.zeros(200), np.ones(200)]), seed=0)
    assert same == 1
    assert better == pytest.approx(1 / (1 + FLIPS))


def test_the_blocks_do_not_change_what_is_drawn_and_the_seed_does(monkeypatch):
    differences = np.random.default_rng(0).normal(0.1, 1, (1, 64))
    whole = p_values(differences, seed=5)
    assert p_values(differences, seed=6) != whole
    monkeypatch.setattr("etsyml_cli.metrics.randomization.SIGNS_AT_ONCE", 64 * 1000)
    assert p_values(differences, seed=5) == whole


def test_a_comparison_names_its_baseline_and_counts_who_gained_and_lost():
    values = {"a": np.array([0.5, 0.5, 0.5, 0.5]), "b": np.array([0.9, 0.8, 0.1, 0.5]), "c": np.zeros(4)}
    a, b, c = compared_means("m", values, seed=0, baseline="b")
    assert b.against is None
    assert (a.against.baseline, a.against.gained, a.against.lost) == ("b", 1, 2)
    assert (c.against.gained, c.against.lost) == (0, 4)
    assert a.against.value == pytest.approx(-0.075)
    assert 0 < c.against.p_value < 0.3


def test_units_without_a_value_are_left_out_of_every_variant():
    values = {"a": np.array([1.0, np.nan, 0.0]), "b": np.array([1.0, np.nan, 1.0])}
    a, b = compared_means("m", values, seed=0)
    assert (a.n, a.value, b.value) == (2, 0.5, 1)
    with pytest.raises(DataError, match="m is undefined for all of 3 units"):
        compared_means("m", {"a": np.full(3, np.nan)}, seed=0)
