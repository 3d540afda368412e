"""The choice of the initial prior: a start far behind another one is given up, and the choice is the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model import lda_tuning
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of


def broad_catalog(n_styles: int = 30, of_style: int = 40, n_users: int = 600) -> tuple[sparse.csr_matrix, Favorites]:
    """Favorites of users with one style each, of many listings, and one more per user."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(n_users), 11)
    chosen = [rng.choice(of_style, 11, replace=False) + of_style * (user % n_styles) for user in range(n_users)]
    listings = np.concatenate(chosen)
    held = np.tile(np.arange(11) == 0, n_users)
    shape = (n_users, n_styles * of_style)
    counts = sparse.csr_matrix((np.ones((~held).sum()), (users[~held], listings[~held])), shape)
    counts.sort_indices()
    return counts, favorites_of(users[held], listings[held], n_users)


def test_a_start_far_behind_is_given_up_without_another_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, valid = broad_catalog()
    config = LdaConfig(n_topics=30)
    learned, chosen = lda_tuning.tune(counts, valid, config, 0, None)
    monkeypatch.setattr(lda_tuning, "BEHIND", np.inf)
    same, by_all = lda_tuning.tune(counts, valid, config, 0, None)
    assert (chosen.eta, chosen.passes) == (by_all.eta, by_all.passes)
    assert np.array_equal(learned.theta, same.theta) and np.array_equal(learned.beta, same.beta)
    passes, of_all = ({eta: len(values) for eta, values in one.perplexities.items()} for one in (chosen, by_all))
    assert list(passes) == list(of_all) == ["0.02", "0.1", "0.5"]
    assert sum(passes.values()) < sum(of_all.values())
    for eta, values in chosen.perplexities.items():
        assert values == by_all.perplexities[eta][: len(values)]


def test_the_only_start_has_no_rival() -> None:
    counts, valid = broad_catalog()
    _, chosen = lda_tuning.tune(counts, valid, LdaConfig(n_topics=30, eta=0.5), 0, None)
    assert list(chosen.perplexities) == ["0.5"]
