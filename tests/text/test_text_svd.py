"""Reduced texts: compared with scikit-learn, and close to texts with the same words."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from etsyml_cli.core.rng import generator
from etsyml_cli.text.text_svd import fit_text_svd

TOPICS = [["wool", "scarf", "knit", "warm"], ["mug", "tea", "clay", "cup"], ["ring", "gold", "gem", "band"]]


def texts(n=90):
    rng = generator(0, "texts")
    return [[str(rng.choice(TOPICS[i % 3])) for _ in range(rng.integers(1, 9))] for i in range(n)]


def test_the_numbers_span_what_scikit_learn_s_do():
    svd = fit_text_svd(texts(), 4)
    weights = TfidfVectorizer(sublinear_tf=False, analyzer=lambda text: text).fit_transform(texts())
    z = TruncatedSVD(4, algorithm="arpack").fit_transform(weights)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    ours = svd.project(texts()).astype(np.float64)
    np.testing.assert_allclose(ours @ ours.T, z @ z.T, atol=1e-4)


def test_texts_of_a_topic_lie_together():
    svd = fit_text_svd(texts(), 3)
    scarf, mug = svd.project([["wool", "knit"], ["tea", "cup"]])
    cosines = svd.project(texts()) @ np.column_stack([scarf, mug])
    assert cosines[0::3, 0].min() > 0.9 > 0.1 > np.abs(cosines[1::3, 0]).max()
    assert cosines[1::3, 1].min() > 0.9


def test_a_text_without_a_known_word_is_zeros():
    svd = fit_text_svd(texts(), 3)
    assert not svd.project([["unheard"], []]).any()


def test_too_little_text():
    assert fit_text_svd([], 3) is None
    assert fit_text_svd([["one"], ["two"]], 3) is None
    assert fit_text_svd([["a", "b"], ["a", "b"], ["a", "b"]], 9).project([["a"]]).shape == (1, 1)
