"""AUC, log loss and the Brier score equal those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.metrics.probability import figures
from tests.metrics.rows import judged_rows, unit_rows


@settings(deadline=None)  # the first call compiles
@given(judged_rows())
def test_equal_to_scikit_learn(rows):
    labels, scores, weights = unit_rows(*rows)
    found = figures(*rows, [*map(parse_metric, ("auc", "logloss", "brier"))])
    assert found["auc"] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12)
    assert found["logloss"] == pytest.approx(log_loss(labels, scores, sample_weight=weights), abs=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(labels, scores, sample_weight=weights), abs=1e-12)


def test_certain_mistakes_cost_much_but_not_everything():
    p, clicks = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    assert figures(p, clicks, np.ones(2))["logloss"] == pytest.approx(log_loss(clicks, p), abs=1e-12)
