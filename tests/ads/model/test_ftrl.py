"""The FTRL kernel against Algorithm 1 written down plainly, and against online gradient descent."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.model.ftrl import hashing_figures, learn, new_state, predict, start_at, state_of, used_slots
from etsyml_cli.core.errors import DataError
from etsyml_cli.core.rng import generator
from etsyml_cli.text.hashing import Field, hashed_rows

BITS = 8
BIAS = 1 << BITS


class AlgorithmOne:
    """McMahan et al. (KDD'13), Algorithm 1, a line at a time; x is {coordinate: value}, y is 0 or 1."""

    def __init__(self, alpha, beta, l1, l2):
        self.alpha, self.beta, self.l1, self.l2 = alpha, beta, l1, l2
        self.z, self.n = {}, {}

    def w(self, i):
        z, n = self.z.get(i, 0.0), self.n.get(i, 0.0)
        if abs(z) <= self.l1:
            return 0.0
        sign = 1 if z > 0 else -1
        return -1 / ((self.beta + math.sqrt(n)) / self.alpha + self.l2) * (z - sign * self.l1)

    def predict(self, x):
        return 1 / (1 + math.exp(-sum(self.w(i) * value for i, value in x.items())))

    def learn(self, x, y):
        p = self.predict(x)
        for i, value in x.items():
            w, n = self.w(i), self.n.get(i, 0.0)
            g = (p - y) * value
            sigma = (math.sqrt(n + g**2) - math.sqrt(n)) / self.alpha
            self.z[i] = self.z.get(i, 0.0) + g - sigma * w
            self.n[i] = n + g**2
        return p


def csr(rows):
    """Rows as lists of (slot, value), colliding slots and all, the way the hasher hands them over."""
    flat = [pair for row in rows for pair in row]
    slots, x = np.array([s for s, _ in flat], np.uint32), np.array([v for _, v in flat], float)
    ptr = np.cumsum([0, *map(len, rows)])
    return hashed_rows([Field(np.arange(len(rows)), ptr, slots, x)], len(rows), BITS)


def summed(row):
    x = {BIAS: 1.0}
    for slot, value in row:
        x[slot] = x.get(slot, 0.0) + value
    return x


def ones(n):
    return np.ones(n)


VALUES = st.floats(-3, 3).map(lambda v: round(v, 3))
ROWS = st.lists(st.lists(st.tuples(st.integers(0, 5), VALUES), max_size=6), min_size=1, max_size=30)
CONFIGS = st.builds(
    CtrConfig,
    alpha=st.floats(0.01, 1.0),
    beta=st.floats(0.1, 2.0),
    l1=st.sampled_from([0.0, 0.1, 1.0]),
    l2=st.sampled_from([0.0, 0.5]),
)


def drawn_rows(n, seed=0, slots=40, width=5):
    rng = generator(seed, "rows")
    drawn = zip(rng.integers(0, slots, (n, width)), rng.normal(size=(n, width)), strict=True)
    rows = [list(zip(of_row.tolist(), x.tolist(), strict=True)) for of_row, x in drawn]
    return rows, rng.integers(0, 2, n).astype(float)


@settings(deadline=None)  # the first call compiles
@given(ROWS, CONFIGS, st.randoms(use_true_random=False))
def test_equals_algorithm_one_with_colliding_slots(rows, config, random):
    y = np.array([float(random.random() < 0.4) for _ in rows])
    slow = AlgorithmOne(config.alpha, config.beta, config.l1, config.l2)
    zn = new_state(BITS)
    p = learn(zn, *csr(rows), y, ones(len(y)), config)
    expected = [slow.learn(summed(row), label) for row, label in zip(rows, y, strict=True)]
    np.testing.assert_allclose(p, expected, rtol=1e-9, atol=1e-12)
    for i in slow.z:
        np.testing.assert_allclose(zn[i], [slow.z[i], slow.n[i]], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(predict(zn, *csr(rows), config), [slow.predict(summed(r)) for r in rows], rtol=1e-9)


def test_without_regularisation_it_is_online_gradient_descent():
    config = CtrConfig(alpha=0.3, beta=1.0)
    rows, y = drawn_rows(200)
    w, n = np.zeros(BIAS + 1), np.zeros(BIAS + 1)
    descended = []
    for row, label in zip(rows, y, strict=True):
        x = np.zeros(BIAS + 1)
        for i, value in summed(row).items():
            x[i] = value
        p = 1 / (1 + np.exp(-w @ x))
        descended.append(p)
        g = (p - label) * x
        n += g**2
        w -= config.alpha / (config.beta + np.sqrt(n)) * g  # n holds this step's gradient already
    zn = new_state(BITS)
    p = learn(zn, *csr(rows), y, ones(len(y)), config)
    np.testing.assert_allclose(-zn[:, 0] * config.alpha / (config.beta + np.sqrt(zn[:, 1])), w, atol=1e-12)
    np.testing.assert_allclose(p, descended, atol=1e-12)


def test_a_weight_returns_to_zero():
    config = CtrConfig(alpha=0.5, l1=0.6)
    row, zn = csr([[(3, 1.0)]]), new_state(BITS)
    none_clicked = np.zeros(1)
    for _ in range(3):
        learn(zn, *row, ones(1), ones(1), config)
    assert predict(zn, *row, config)[0] != 0.5  # non-zero by now
    while abs(zn[3, 0]) > config.l1:
        learn(zn, *row, none_clicked, ones(1), config)
    assert 0 < abs(zn[3, 0]) <= config.l1
    zn[BIAS] = 0
    assert predict(zn, *row, config)[0] == 0.5


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 12), st.integers(0, 12), st.floats(-2, 2))
def test_an_aggregate_is_its_unit_rows_at_one_p(clicks, others, z):
    config, shown, x = CtrConfig(alpha=0.1), clicks + others, 1.5
    zn = new_state(BITS)
    zn[3] = z, 4.0
    before, row = zn.copy(), csr([[(3, x)]])
    (p,) = learn(zn, *row, np.array([float(clicks)]), np.array([float(shown)]), config)
    w = -z / ((config.beta + 2) / config.alpha)
    g = np.array([(p - 1) * x] * clicks + [p * x] * others)  # the gradients of the unit rows
    n = before[3, 1] + (g**2).sum()
    sigma = (math.sqrt(n) - math.sqrt(before[3, 1])) / config.alpha
    np.testing.assert_allclose(zn[3], [z + g.sum() - sigma * w, n], rtol=1e-12, atol=1e-12)


def exact_step(z, n, p, x, clicks, shown, config):
    """`clicks` unit rows of gradient (p − 1)x and the others of px, at one p, in 50 digits; the new z and n."""
    with localcontext(prec=50):
        z, n, p, x, alpha, beta = map(Decimal, (z, n, p, x, config.alpha, config.beta))
        w = -z / ((beta + n.sqrt()) / alpha)
        others = shown - clicks
        new_n = n + clicks * ((p - 1) * x) ** 2 + others * (p * x) ** 2
        sigma = (new_n.sqrt() - n.sqrt()) / alpha
        return float(z + clicks * (p - 1) * x + others * p * x - sigma * w), float(new_n)


@pytest.mark.parametrize("clicks", [0, 5 * 10**9, 10**12])
@pytest.mark.parametrize("beta", [1.0, 1000.0])
def test_counts_of_a_trillion_are_their_unit_rows(clicks, beta):
    config, zn, x = CtrConfig(beta=beta), new_state(BITS), 1.5
    for _ in range(3):
        z, n = zn[3]
        (p,) = learn(zn, *csr([[(3, x)]]), np.array([float(clicks)]), np.array([1e12]), config)
        assert zn[3] == pytest.approx(exact_step(z, n, p, x, clicks, 10**12, config), rel=1e-12)


def test_rare_clicks_are_predicted_as_often_as_they_happen():
    config, zn = CtrConfig(), new_state(BITS)
    rng = generator(3, "rare")
    sway = rng.normal(0, 0.4, (3, 50))
    n, predicted, observed = 200_000, [], []
    ptr, slots = np.arange(n + 1) * 4, np.full((n, 4), BIAS, np.uint32)
    start_at(zn, 0.005, config)
    for _ in range(20):
        values = rng.integers(0, 50, (n, 3))
        slots[:, 1:] = values + np.array([0, 50, 100])
        clicked = rng.random(n) < 1 / (1 + np.exp(5.5 - sway[np.arange(3), values].sum(axis=1)))
        predicted.append(learn(zn, ptr, slots.reshape(-1), ones(4 * n), clicked.astype(float), ones(n), config).sum())
        observed.append(clicked.sum())
    assert 0.004 < sum(observed) / (20 * n) < 0.006
    assert sum(predicted[-2:]) / sum(observed[-2:]) == pytest.approx(1, abs=0.02)  # chance alone: 1 / √2,000


def test_learning_continues_bit_for_bit_after_save_and_load():
    config = CtrConfig(l1=0.1, l2=0.1)
    rows, y = drawn_rows(100)
    whole, first = new_state(BITS), new_state(BITS)
    learn(whole, *csr(rows), y, ones(100), config)
    learn(first, *csr(rows[:60]), y[:60], ones(60), config)
    resumed = state_of(*used_slots(first), BITS)
    learn(resumed, *csr(rows[60:]), y[60:], ones(40), config)
    assert resumed.tobytes() == whole.tobytes()


def test_predict_changes_nothing_and_learn_predicts_first():
    config, zn = CtrConfig(), new_state(BITS)
    rows, y = drawn_rows(50)
    learn(zn, *csr(rows), y, ones(50), config)
    before = zn.tobytes()
    p = predict(zn, *csr(rows[:1]), config)
    assert zn.tobytes() == before
    assert learn(zn, *csr(rows[:1]), y[:1], ones(1), config) == p


@pytest.mark.parametrize(("clicks", "impressions"), [(2, 1), (-1, 1), (math.nan, 1), (0, math.nan), (1, math.inf)])
def test_impossible_labels_are_refused(clicks, impressions):
    zn = new_state(BITS)
    with pytest.raises(DataError, match="clicks"):
        learn(zn, *csr([[(1, 1.0)]]), np.array([float(clicks)]), np.array([float(impressions)]), CtrConfig())
    assert not zn.any()


def test_no_rows():
    empty = csr([])
    assert len(learn(new_state(BITS), *empty, ones(0), ones(0), CtrConfig())) == 0
    assert len(predict(new_state(BITS), *empty, CtrConfig())) == 0


@pytest.mark.parametrize("features", [100, 1000, 4000])
def test_the_estimate_of_features_and_collisions(features):
    bits = 12
    zn = new_state(bits)
    slots, counts = np.unique(generator(1, "slots").integers(0, 1 << bits, features), return_counts=True)
    zn[slots, 1] = 1.0
    found = hashing_figures(zn)
    assert found.slots_used == len(slots)
    assert found.features == pytest.approx(features, rel=0.05)
    assert found.features_sharing_a_slot == pytest.approx(counts[counts > 1].sum(), rel=0.1, abs=5)


@pytest.mark.parametrize("l1", [0.0, 2.0])
@pytest.mark.parametrize("l2", [0.0, 3.0])
@pytest.mark.parametrize("click_rate", [1e-4, 0.045, 0.5, 0.9])
def test_the_bias_starts_at_the_click_rate(click_rate: float, l1: float, l2: float) -> None:
    config, zn = CtrConfig(l1=l1, l2=l2), new_state(BITS)
    start_at(zn, click_rate, config)
    assert predict(zn, *csr([[(len(zn) - 1, 1.0)]]), config) == pytest.approx(click_rate)
    assert not zn[:-1].any()
