"""The blend of both models and its calibration, on rows whose log-odds were planted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from etsyml_cli.ads.model.blend import LOG_SHOWN, Blend, fit_blend, plain_blend
from etsyml_cli.ads.model.calibration import calibrated, level_kept
from etsyml_cli.core.rng import generator

N = 200_000
HALVES = plain_blend(2)


def logistic(log_odds):
    return 1 / (1 + np.exp(-log_odds))


@pytest.fixture(scope="module")
def looks():
    rng = generator(0, "looks")
    return logistic(rng.normal(-2, 1, (N, 2))), rng.integers(0, 500, N).astype(float)


def clicks_of(blend, looks, seed=1):
    return (generator(seed, "clicks").random(len(looks[0])) < blend.predict(*looks)).astype(float)


def test_a_half_each_before_anything_is_fitted(looks):
    p, _ = looks
    np.testing.assert_allclose(HALVES.predict(*looks), logistic(np.log(p / (1 - p)).mean(axis=1)))


def test_the_ensemble_of_one_model_equals_the_model(looks):
    p, shown = looks
    np.testing.assert_allclose(plain_blend(1).predict(p[:, :1], shown), p[:, 0])


def test_planted_weights_are_found(looks):
    planted = Blend(np.array([0.8, 0.3, -0.4, 0.5]), np.array([1.0, 0.0]))
    found = fit_blend(*looks, clicks_of(planted, looks), np.ones(N))
    np.testing.assert_allclose(found.weights, planted.weights, atol=0.15)
    assert found.platt.tolist() == [1, 0]


def test_the_fit_is_that_of_scikit_learn_but_for_the_ridge(looks):
    clicks = clicks_of(HALVES, looks)
    p, shown = looks
    x = np.column_stack([np.log(p / (1 - p)), np.log1p(shown) / LOG_SHOWN])
    peer = LogisticRegression(C=np.inf, tol=1e-8).fit(x, clicks)
    found = fit_blend(*looks, clicks, np.ones(N)).weights
    np.testing.assert_allclose(found, [*peer.coef_[0], *peer.intercept_], atol=5e-3)


def test_a_row_of_many_impressions_is_many_rows():
    p, shown = np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.4]]), np.array([0.0, 5.0, 90.0])
    clicks, impressions = np.array([1.0, 0.0, 3.0]), np.array([4.0, 2.0, 3.0])
    repeated = np.repeat(np.arange(3), impressions.astype(int))
    single = np.array([1, 0, 0, 0, 0, 0, 1, 1, 1], float)
    together = fit_blend(p, shown, clicks, impressions)
    apart = fit_blend(p[repeated], shown[repeated], single, np.ones(9))
    np.testing.assert_allclose(together.weights, apart.weights, atol=1e-4)


def test_calibration_brings_predicted_clicks_to_observed_ones_and_leaves_the_order(looks):
    planted = Blend(HALVES.weights, np.array([0.7, 0.6]))
    clicks = clicks_of(planted, looks)
    found = calibrated(HALVES, *looks, clicks, np.ones(N))
    np.testing.assert_allclose(found.platt, planted.platt, atol=0.05)
    assert found.predict(*looks).sum() == pytest.approx(clicks.sum(), rel=3e-3)
    assert np.array_equal(np.argsort(found.predict(*looks)), np.argsort(HALVES.predict(*looks)))


def test_a_shift_of_all_clicks_leaves_the_slope_of_the_calibration(looks):
    """Twice the clicks at every log-odds are a matter of the shift, on few rows as on many."""
    few = [column[:2000] for column in looks]
    p = HALVES.predict(*few)
    twice = p * 2 / (1 + p)  # odds × 2
    slope, shift = calibrated(HALVES, *few, twice * 1000, np.full(2000, 1000.0)).platt
    assert slope == pytest.approx(1, abs=0.01)
    assert shift == pytest.approx(np.log(2), abs=0.02)
    few_events = calibrated(HALVES, *few, twice / 100, np.full(2000, 0.01)).platt
    assert few_events[0] == pytest.approx(1, abs=0.005)


def test_the_level_is_that_of_the_target_and_the_slope_is_kept(looks):
    target = HALVES.predict(*looks) ** 1.1
    kept = level_kept(HALVES, *looks, target, np.ones(N))
    assert kept.predict(*looks).mean() == pytest.approx(target.mean(), rel=1e-6)
    assert kept.platt[0] == 1


@pytest.mark.parametrize("clicks", [0.0, 1.0])
def test_rows_of_one_class_change_nothing(looks, clicks):
    few = [column[:50] for column in looks]
    for blend in (
        fit_blend(*few, np.full(50, clicks), np.ones(50)),
        calibrated(HALVES, *few, np.full(50, clicks), np.ones(50)),
    ):
        assert np.array_equal(blend.weights, HALVES.weights)
        assert np.array_equal(blend.platt, HALVES.platt)


def test_certain_models_give_finite_weights_and_probabilities():
    sure = np.repeat([[0.0], [1.0], [1.0], [0.0]], 2, axis=1)
    blend = fit_blend(sure, np.zeros(4), np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4))
    p = blend.predict(sure, np.zeros(4))
    assert np.all((p >= 0) & (p <= 1))
    assert p[1] > 0.5 > p[0]
