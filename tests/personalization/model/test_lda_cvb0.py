"""The native engine against a slow, readable reference, planted priors, and itself on other numbers of threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import sparse
from scipy.special import digamma

from etsyml_cli.core.errors import UsageError
from etsyml_cli.metrics.definitions.style_cosine import best_match_cosine
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model import lda as engines
from etsyml_cli.personalization.model.lda_cvb0 import LATER_ROUNDS, _Corpus, _State, fit
from etsyml_cli.personalization.model.lda_cvb0_kernels import _digamma, _evidence
from etsyml_cli.personalization.model.lda_gensim import from_gensim, to_gensim
from etsyml_cli.personalization.model.lda_parameters import Start


def counts_of(n_users: int = 40, n_listings: int = 15, seed: int = 1) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    counts = (rng.random((n_users, n_listings)) < 0.3) * rng.choice([0.5, 1.0, 3.0], (n_users, n_listings))
    counts[0] = 0
    return sparse.csr_matrix(counts)


def reference_pass(state: _State) -> tuple[np.ndarray, np.ndarray]:
    """N_uk and N_wk after one whole pass: CVB0 (Asuncion et al., UAI'09, eq. 13) a favorite at a time."""
    corpus = state.corpus
    alpha, eta = state.alpha.astype(float), state.eta
    listing = state.listing_counts.astype(float)
    style = listing.sum(axis=0) + len(listing) * eta
    users, fresh = state.user_counts.astype(float), np.zeros_like(listing)
    for u in corpus.users:
        favorites = range(corpus.indptr[u], corpus.indptr[u + 1])
        for turn in range(LATER_ROUNDS):
            moved = np.zeros(len(alpha))
            for f in favorites:
                w, c = corpus.listings[f], float(corpus.weight[f])
                q = (users[u] + alpha) * (listing[w] + eta) / style
                own = min(c, 1) * q / q.sum()  # what the favorite itself adds to the counts, as far as is known
                p = (listing[w] + eta) / style
                q = np.maximum(users[u] - own, 0) + alpha
                q = q * (p - np.minimum(own / style, 0.95 * p))
                q *= c / q.sum()
                moved += q
                if turn == LATER_ROUNDS - 1:
                    fresh[w] += q
            users[u] = moved
    return users, fresh


def test_a_whole_pass_is_that_of_the_reference() -> None:
    state = _State(_Corpus(counts_of()), LdaConfig(n_topics=4), seed=0)
    users, listings = reference_pass(state)
    state.whole_pass(state.corpus.whole_pass(), learn=False)
    np.testing.assert_allclose(state.user_counts[1:], users[1:], atol=2e-4)
    np.testing.assert_allclose(state.listing_counts, listings, atol=2e-4)
    np.testing.assert_allclose(state.listing_counts.sum(axis=1), state.corpus.listing_weight, rtol=1e-4)


def test_a_batch_moves_the_counts_by_its_step() -> None:
    state = _State(_Corpus(counts_of()), LdaConfig(n_topics=4), seed=0)
    before = state.listing_counts.copy()
    batch = state.corpus.batch(state.corpus.users[:9])
    state._infer(batch, 2, np.empty((0, 4)))
    of_batch = np.zeros_like(before)
    for i, w in enumerate(batch.listings):
        of_batch[w] = state._q[batch.order[batch.starts[i] : batch.starts[i + 1]]].sum(axis=0)
    state._move(batch, 0.25, 0.5)
    expected = 0.75 * before + 0.5 * of_batch
    np.testing.assert_allclose(state.listing_counts * state.scale, expected, rtol=1e-4)
    np.testing.assert_allclose(state.style_counts, expected.sum(axis=0), rtol=1e-4)


@pytest.mark.parametrize("n_topics", [3, 20])
def test_the_bytes_do_not_depend_on_the_number_of_threads(n_topics: int) -> None:
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix((rng.random((700, 90)) < 0.1).astype(float))
    found = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            learned = fit(counts, LdaConfig(n_topics=n_topics, passes=3), seed=0)
            found.append((learned.theta.tobytes(), learned.beta.tobytes(), learned.alpha.tobytes(), learned.eta))
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert found[0] == found[1]


def test_planted_priors_are_learned() -> None:
    rng = np.random.default_rng(5)
    alpha, eta = np.array([0.5, 0.25, 0.1, 0.05]), 0.05
    beta = rng.dirichlet(np.full(200, eta), 4)
    counts = np.stack([rng.multinomial(60, rng.dirichlet(alpha) @ beta) for _ in range(1500)])
    learned = fit(sparse.csr_matrix(counts.astype(float)), LdaConfig(n_topics=4, passes=40), seed=0)
    assert learned.eta == pytest.approx(eta, rel=0.3)
    np.testing.assert_allclose(np.sort(learned.alpha), np.sort(alpha), rtol=0.4)


def test_digamma_is_scipys() -> None:
    x = np.geomspace(1e-5, 1e5, 200)
    np.testing.assert_allclose([_digamma(v) for v in x], digamma(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("chances", [[0.3], [0.02] * 20, [0.9, 0.9, 0.5, 0.01], [1e-9]])
def test_evidence_is_near_the_expectation_over_uncertain_counts(chances: list[float]) -> None:
    """The count is a sum of independent chances; its distribution is worked out favorite by favorite."""
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, [1 - chance, chance])
    prior = 0.1
    exact = float(distribution @ (digamma(prior + np.arange(len(distribution))) - digamma(prior)))
    none = float(np.prod([1 - chance for chance in chances]))
    assert _evidence(sum(chances), none, prior, float(digamma(prior))) == pytest.approx(exact, rel=0.02)


def test_watching_stops_it() -> None:
    seen = []
    fit(counts_of(), LdaConfig(n_topics=3, passes=9), 0, watch=lambda passes, _: seen.append(passes) or len(seen) == 2)
    assert seen == [1, 2]


def test_it_continues_from_styles_and_adds_new_listings() -> None:
    rng = np.random.default_rng(7)
    beta = rng.dirichlet(np.full(60, 0.1), 5)
    counts = np.stack([rng.multinomial(30, rng.dirichlet(np.full(5, 0.2)) @ beta) for _ in range(400)]).astype(float)
    config = LdaConfig(n_topics=5, passes=20)
    learned = fit(sparse.csr_matrix(counts[:300, :50]), config, seed=0)
    share = learned.theta.mean(axis=0)
    listing = np.where(np.arange(60) < 50, np.arange(60), -1)
    start = Start(learned.beta, learned.alpha, learned.eta, share, listing)
    further = fit(sparse.csr_matrix(counts), LdaConfig(n_topics=5, passes=3), seed=1, start=start)
    same = np.diag(_cosines(learned.beta, further.beta[:, :50]))
    assert same.min() > 0.95  # style k is still style k
    assert best_match_cosine(beta, further.beta.astype(float)).min() > 0.9
    with pytest.raises(UsageError, match="but the model to continue from has 5 styles"):
        engines.fit(sparse.csr_matrix(counts), LdaConfig(n_topics=6), 0, start=start)
    with pytest.raises(UsageError, match="gensim cannot continue from a model"):
        engines.fit(sparse.csr_matrix(counts), LdaConfig(engine="gensim", n_topics=5), 0, start=start)


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one / np.linalg.norm(one, axis=1, keepdims=True)) @ (other / np.linalg.norm(other, axis=1, keepdims=True)).T


def test_gensim_takes_and_gives_the_same_topics() -> None:
    counts = counts_of()
    learned = fit(counts, LdaConfig(n_topics=4, passes=3), seed=0)
    model = to_gensim(learned)
    np.testing.assert_allclose(model.get_topics(), learned.beta, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.alpha, learned.alpha, rtol=1e-6)
    back = from_gensim(model, counts)
    np.testing.assert_allclose(back.beta, learned.beta, rtol=1e-5, atol=1e-7)
    assert back.theta.shape == learned.theta.shape and back.eta == pytest.approx(learned.eta)
    agree = back.theta[1:].argmax(axis=1) == learned.theta[1:].argmax(axis=1)
    assert agree.mean() > 0.8  # another inference, the same styles
