from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.core.vectors import unit_rows
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.exact_products import LISTING_BITS, exact_products, rounded_to
from etsyml_cli.personalization.model.favorites import rows_of
from etsyml_cli.personalization.model.recommender import TrainingSet, Users
from etsyml_cli.personalization.model.vector_knn import PhotoKnn, TextKnn

NO_FAVORITES = rows_of([np.empty(0, np.int32)])


def fitted(kind: type[PhotoKnn | TextKnn], vectors: np.ndarray) -> PhotoKnn | TextKnn:
    counts = sparse.csr_matrix((1, len(vectors)))
    return kind.fit(TrainingSet(counts, NO_FAVORITES, photos=vectors, texts=vectors), LdaConfig(), 0)


@pytest.mark.parametrize("kind", [PhotoKnn, TextKnn])
def test_a_score_is_the_mean_cosine_with_the_favorites_that_have_a_vector(kind: type[PhotoKnn | TextKnn]) -> None:
    vectors = unit_rows(np.random.default_rng(0).normal(size=(30, 7)))
    vectors[[3, 8]] = 0
    favorites = [np.array([0, 3, 5, 9], np.int32), np.array([3], np.int32), np.empty(0, np.int32)]
    scores = fitted(kind, vectors).scores(Users(np.full(3, -1), rows_of(favorites)))
    expected = [np.mean([vectors[f] @ listing for f in (0, 5, 9)]) for listing in vectors]
    expected = [min(expected) if listing in (3, 8) else score for listing, score in enumerate(expected)]
    np.testing.assert_allclose(scores[0], expected, atol=1e-4)
    assert not scores[1:].any()


def test_listings_like_the_favorites_come_first() -> None:
    rng = np.random.default_rng(1)
    kinds = unit_rows(rng.normal(size=(4, 20)))
    vectors = unit_rows(kinds[np.arange(40) % 4] + 0.1 * rng.normal(size=(40, 20)))
    scores = fitted(PhotoKnn, vectors).scores(Users(np.array([-1]), rows_of([np.array([2, 6], np.int32)])))
    assert set(np.argsort(-scores[0])[:10] % 4) == {2}


def test_without_any_vector_all_scores_are_zero() -> None:
    model = fitted(TextKnn, np.zeros((5, 3), np.float32))
    assert not model.scores(Users(np.array([-1]), rows_of([np.array([2], np.int32)]))).any()


def test_products_do_not_depend_on_the_order_of_the_terms() -> None:
    rng = np.random.default_rng(2)
    listings = rounded_to(rng.normal(size=(50, 128)) * 3, LISTING_BITS, 16.0)
    users = rng.normal(size=(20, 128)) * np.logspace(-3, 3, 20)[:, None]
    expected = exact_products(users, listings)
    for _ in range(5):
        order = rng.permutation(128)
        assert exact_products(users[:, order], listings[:, order]).tobytes() == expected.tobytes()
    np.testing.assert_allclose(expected, users @ listings.T, atol=1e-3, rtol=1e-3)
