from __future__ import annotations

import numpy as np

from etsyml_cli.personalization.model.favorites import Favorites, rows_of
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.lda_parameters import LdaParameters
from etsyml_cli.personalization.model.recommender import Users
from etsyml_cli.personalization.model.top_k import top_listings

NO_FAVORITES = Favorites(np.array([0, 0]), np.empty(0, np.int32))
PARAMETERS = LdaParameters(
    theta=np.array([[0.25, 0.75]], np.float32),
    beta=np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]], np.float32),
    alpha=np.array([0.1, 0.3], np.float32),
    eta=0.1,
)


def test_the_score_is_theta_times_beta() -> None:
    top, scores = top_listings(Lda(PARAMETERS), Users(np.array([0]), NO_FAVORITES), NO_FAVORITES, 2)
    assert top.tolist() == [[2, 1]]
    np.testing.assert_allclose(scores, [[0.5625, 0.3125]])


def test_a_new_user_has_the_styles_of_the_favorites_and_without_any_those_of_the_prior() -> None:
    favorites = rows_of([np.array([0, 1], np.int32), np.empty(0, np.int32), np.array([2], np.int32)])
    theta = Lda(PARAMETERS).profiles(Users(np.array([-1, -1, -1]), favorites))
    assert theta[0, 0] > 0.7 and theta[2, 1] > 0.9
    np.testing.assert_allclose(theta[1], [0.25, 0.75], rtol=1e-6)
