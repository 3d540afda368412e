from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings

from tests.metrics.pages import flatten, orders, pages, values


def pair_accuracy_of_every_pair(page):
    scores = np.float32([score for score, _ in page])
    gains = [gain for _, gain in page]
    pairs = [(i, j) for i in range(len(page)) for j in range(len(page)) if gains[i] > gains[j]]
    right = [1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0 for i, j in pairs]
    return np.mean(right) if pairs else math.nan


@settings(max_examples=200, deadline=None)
@given(pages, orders)
def test_pair_accuracy_is_that_of_every_pair(pages, order):
    _, ranked = flatten(pages, order)
    expected = [pair_accuracy_of_every_pair(page) for page in pages]
    np.testing.assert_allclose(values("pair_accuracy", ranked), expected, atol=1e-12)
