from __future__ import annotations

import math

import numpy as np

from etsyml_cli.metrics.definitions.style_cosine import best_match_cosine


def test_best_match_cosine_finds_styles_in_any_order_and_scale() -> None:
    planted = np.array([[1.0, 0, 0], [0, 1, 1]])
    learned = np.array([[0, 0.4, 0.4], [0, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(best_match_cosine(planted, learned), [1 / math.sqrt(2), 1])
