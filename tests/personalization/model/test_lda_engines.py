"""What every LDA engine must do: each line of ENGINES walks through all of these."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.metrics.definitions.style_cosine import best_match_cosine
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.lda_engines import ENGINES, fit
from tests.conftest import REPOSITORY

engines = pytest.mark.parametrize("engine", sorted(ENGINES))


def planted(n_users: int = 500, n_styles: int = 6, n_listings: int = 80) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Counts of 40 favorites each by the talk's process, and the styles (K, I) that they come from."""
    rng = np.random.default_rng(3)
    beta = rng.dirichlet(np.full(n_listings, 0.1), n_styles)
    theta = rng.dirichlet(np.full(n_styles, 0.15), n_users)
    counts = np.stack([rng.multinomial(40, profile @ beta) for profile in theta])
    return sparse.csr_matrix(counts.astype(np.float64)), beta


def small(n_users: int = 30, n_listings: int = 12) -> sparse.csr_matrix:
    counts = (np.random.default_rng(0).random((n_users, n_listings)) < 0.3).astype(np.float64)
    counts[0] = 0  # without favorites
    counts[1] = np.eye(n_listings)[0]  # one favorite
    counts[:, -1] = 0  # a listing without favorites
    return sparse.csr_matrix(counts)


@engines
def test_planted_styles_are_found(engine: str) -> None:
    counts, beta = planted()
    learned = fit(counts, LdaConfig(engine=engine, n_topics=12), seed=0)
    assert best_match_cosine(beta, learned.beta.astype(np.float64)).mean() >= 0.9
    shuffled = np.random.default_rng(0).permuted(beta, axis=1)
    assert best_match_cosine(shuffled, learned.beta.astype(np.float64)).mean() < 0.6


@engines
@pytest.mark.parametrize("n_topics", [1, 4, 50])
def test_profiles_and_styles_are_distributions_also_with_more_styles_than_users(engine: str, n_topics: int) -> None:
    counts = small()
    learned = fit(counts, LdaConfig(engine=engine, n_topics=n_topics, passes=2), seed=0)
    assert learned.theta.shape == (30, n_topics) and learned.beta.shape == (n_topics, 12)
    assert learned.theta.dtype == learned.beta.dtype == learned.alpha.dtype == np.float32
    for rows in (learned.theta, learned.beta):
        assert (rows >= 0).all() and np.isfinite(rows).all()
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert (learned.alpha > 0).all() and learned.eta > 0


@engines
def test_a_user_without_favorites_has_the_profile_of_the_prior(engine: str) -> None:
    learned = fit(small(), LdaConfig(engine=engine, n_topics=4), seed=0)
    np.testing.assert_allclose(learned.theta[0], learned.alpha / learned.alpha.sum(), rtol=1e-4)


@engines
def test_a_listing_without_favorites_is_less_likely_than_any_other(engine: str) -> None:
    learned = fit(small(), LdaConfig(engine=engine, n_topics=4), seed=0)
    scores = learned.theta.mean(axis=0) @ learned.beta
    assert scores[-1] < scores[:-1].min()


@engines
def test_same_seed_same_bytes_other_seed_other_styles(engine: str) -> None:
    config = LdaConfig(engine=engine, n_topics=4, passes=2)
    first, second, other = (fit(small(), config, seed) for seed in (5, 5, 6))
    for name in ("theta", "beta", "alpha"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert first.beta.tobytes() != other.beta.tobytes()


@engines
def test_counts_are_left_as_they_were(engine: str) -> None:
    counts, before = small(), small()
    fit(counts, LdaConfig(engine=engine, n_topics=3, passes=1), seed=0)
    assert (counts != before).nnz == 0


@engines
def test_a_weight_counts_like_so_many_favorites(engine: str) -> None:
    heavy = sparse.csr_matrix([[3.0, 1.0], [3.0, 1.0]])
    learned = fit(heavy, LdaConfig(engine=engine, n_topics=1, passes=100), seed=0)
    assert learned.beta[0, 0] == pytest.approx((6 + learned.eta) / (8 + 2 * learned.eta), abs=0.01)


@engines
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_counts_that_are_no_positive_numbers_are_refused(engine: str, bad: float) -> None:
    counts = small()
    counts.data[3] = bad
    with pytest.raises(DataError, match="positive number"):
        fit(counts, LdaConfig(engine=engine), seed=0)


def test_no_favorites_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="no favorites to learn from"):
        fit(sparse.csr_matrix((3, 4)), LdaConfig(), seed=0)


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown engine 'gensin'") as caught:
        fit(small(), LdaConfig(engine="gensin"), seed=0)
    assert caught.value.hint == "Did you mean 'gensim'?"


def test_the_shipped_configuration_holds_every_setting_at_its_default() -> None:
    path = REPOSITORY / "configs/lda.yaml"
    resolved = resolve_config(LdaConfig, file_text=path.read_text(encoding="utf-8"), file_name="lda.yaml")
    assert resolved.value == LdaConfig()
    assert set(resolved.origins.values()) == {"lda.yaml"}
