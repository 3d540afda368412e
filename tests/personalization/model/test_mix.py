"""The scores of styles, of neighbors, and of their mix, which has a kernel of its own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.item_knn import ItemKnn
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.lda_parameters import LdaParameters
from etsyml_cli.personalization.model.mix import Mix
from etsyml_cli.personalization.model.neighbors import nearest_listings
from etsyml_cli.personalization.model.recommender import Users
from etsyml_cli.personalization.model.top_k import ExactScores, top_listings
from tests.personalization.model.test_neighbors import slow_neighbors


def two_members(n_users: int, n_listings: int, n_topics: int) -> tuple[dict, Favorites, np.ndarray]:
    rng = np.random.default_rng(2)
    theta = rng.dirichlet(np.ones(n_topics), n_users).astype(np.float32)
    beta = rng.dirichlet(np.ones(n_listings), n_topics).astype(np.float32)
    liked = rng.random((n_users, n_listings)) < 0.3
    lda = Lda(LdaParameters(theta, beta, np.ones(n_topics, np.float32), 0.1))
    knn = ItemKnn(nearest_listings(sparse.csr_matrix(liked.astype(np.float64)), 99))
    return {"lda": lda, "item-knn": knn}, favorites_of(*np.nonzero(liked), n_users=n_users), liked


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_score_is_the_mix_of_styles_and_neighbors(share: float) -> None:
    members, favorites, liked = two_members(9, 30, 4)
    users = Users(np.arange(9), favorites)
    top, scores = top_listings(Mix.of(members, share), users, favorites, 5)
    styles = members["lda"].parameters.theta @ members["lda"].beta
    near = liked @ slow_neighbors(liked.astype(np.float64))
    mixed = (1 - share) * styles / styles.max(axis=1)[:, None] + share * near / near.max(axis=1)[:, None]
    expected = mixed if share else styles
    for user in range(9):
        best = -np.sort(-np.delete(expected[user], favorites.of(user)))[:5]
        np.testing.assert_allclose(scores[user], best, rtol=1e-4)
        np.testing.assert_allclose(expected[user][top[user]], best, rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_fast_kernel_gives_the_lists_and_scores_of_the_plain_sum(share: float) -> None:
    members, favorites, _ = two_members(130, 400, 50)
    mix, users = Mix.of(members, share), Users(np.arange(130), favorites)

    class Plain(Mix):
        def block(self, users: Users) -> ExactScores:
            return ExactScores.of(self.scores(users))

    fast, plain = (top_listings(one, users, favorites, 20) for one in (mix, Plain(mix.members, share)))
    assert fast[0].tobytes() == plain[0].tobytes()
    assert fast[1].tobytes() == plain[1].tobytes()
