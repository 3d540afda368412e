from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.core.errors import MissingPartError
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model import recommender as module
from etsyml_cli.personalization.model.favorites import favorites_of
from etsyml_cli.personalization.model.recommender import TrainingSet, names_to_fit


def two_tastes() -> TrainingSet:
    rng = np.random.default_rng(0)
    taste = (np.arange(60)[:, None] % 2) == (np.arange(30) % 2)
    users, listings = np.nonzero(rng.random((60, 30)) < np.where(taste, 0.5, 0.02))
    counts = sparse.csr_matrix((np.ones(len(users)), (users, listings)), taste.shape)
    return TrainingSet(counts, favorites_of(users, listings, 60))


def test_scores_are_those_of_the_factors_that_implicit_solves() -> None:
    pytest.importorskip("implicit", reason="needs implicit, of the extra als")
    from implicit.cpu.als import AlternatingLeastSquares

    from etsyml_cli.personalization.model.als import Als, Factorization

    data, settings = two_tastes(), Factorization(factors=8, confidence=5.0, regularization=2.0)
    model = Als.of(data, 0, settings)
    peer = AlternatingLeastSquares(factors=8, alpha=5.0, regularization=2.0, num_threads=1)
    peer.item_factors = model.listings
    solved = peer.recalculate_user(np.arange(60), sparse.csr_matrix(data.counts, dtype=np.float32))
    np.testing.assert_allclose(model.scores(data.users(np.arange(60))), solved @ model.listings.T, atol=1e-4)


def test_users_get_listings_of_their_taste() -> None:
    pytest.importorskip("implicit", reason="needs implicit, of the extra als")
    from etsyml_cli.personalization.model.als import Als, Factorization

    data = two_tastes()
    scores = Als.of(data, 0, Factorization(factors=4)).scores(data.users(np.arange(60)))
    best = np.argsort(-scores, axis=1)[:, :10]
    assert (best % 2 == np.arange(60)[:, None] % 2).mean() > 0.95


def test_without_its_package_it_is_refused_with_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingPartError, match="implicit not installed") as caught:
        names_to_fit(LdaConfig(recommenders=("als",)), two_tastes())
    assert caught.value.hint == "pip install 'etsyml[als]'"
    assert caught.value.exit_code == 5
    assert "als" not in names_to_fit(LdaConfig(), two_tastes())
