"""LDA by stochastic collapsed variational Bayes on all cores; the result does not depend on their number.

CVB0 (Asuncion, Welling, Smyth, Teh, UAI'09, eq. 13) keeps expected counts: N_uk of user u and style k, N_wk of listing
w and style k, N_k of the style. A favorite w of u is of style k with probability

    q_k ∝ (N_uk + α_k) · (N_wk + η) / (N_k + I·η),

with its own previous q subtracted from all counts. The first passes take the users in batches, whose favorites move
N_wk by a decreasing step (Foulds, Boyles, DuBois, Smyth, Welling, KDD'13, eqs. 9-10); then whole passes continue until
convergence. Both priors are learned: Minka's fixed point (2000) on expected counts (Teh, Newman, Welling, NIPS'06, eqs.
17-19).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import digamma

from etsyml_cli.core.log import progress
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import F32, F64, I64
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.lda_cvb0_kernels import (
    USERS_AT_ONCE,
    add_to_listings,
    infer_users,
    listing_evidence,
)
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start

ALPHA, ETA = 0.05, 0.1  # initial values of the priors, for each style
BATCHES = 12  # minimum number in a first pass
USERS_OF_BATCH = 600  # if there are more: more but smaller steps learn more from the same number of favorites
FIRST_PASSES = 5
# over a user's favorites: in the very first pass, the other first passes, whole passes
FIRST_ROUNDS, ROUNDS, LATER_ROUNDS = 8, 4, 2
DELAY, FORGETTING = 1.0, 0.6  # τ and κ: batch t moves the counts by (τ + t)^−κ
FAVORITES_AT_ONCE = 1 << 16  # in a whole pass: limits the number of q in memory
LEARN_EVERY = 2  # whole passes
PASSES = 60  # maximum number of whole passes
SMALLEST_PRIOR = 1e-5


_UNUSED = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class _Batch:
    """B users; favorites of user i: q[at[i]:at[i + 1]], of listings[i]: q[order[starts[i]:starts[i + 1]]]."""

    users: I64
    at: I64
    listings: I64
    starts: I64
    order: I64
    weight: float  # of all their favorites


class _Corpus:
    """The favorites of U users for I listings, and their batches."""

    def __init__(self, counts: sparse.csr_matrix) -> None:
        self.shape: tuple[int, int] = counts.shape
        self.indptr = counts.indptr.astype(np.int64)
        self.listings = counts.indices.astype(np.int64)
        self.weight = counts.data.astype(np.float32)
        self.users = np.flatnonzero(np.diff(self.indptr))
        self.user_weight = np.asarray(counts.sum(axis=1)).ravel()
        self.listing_weight = np.asarray(counts.sum(axis=0)).ravel()

    def batch(self, users: I64) -> _Batch:
        lengths = np.diff(self.indptr)[users]
        at = np.concatenate([[0], np.cumsum(lengths)])
        favorites = np.repeat(self.indptr[users] - at[:-1], lengths) + np.arange(at[-1])
        # all keys are distinct, so a fast, unstable sort is enough
        listings, order = np.divmod(np.sort(self.listings[favorites] * at[-1] + np.arange(at[-1])), at[-1])
        first = np.flatnonzero(np.diff(listings, prepend=-1))
        starts = np.append(first, len(order))
        weight = self.weight[favorites].sum(dtype=np.float64)
        return _Batch(users, at, listings[first], starts, order, float(weight))

    def whole_pass(self) -> list[_Batch]:
        """All users in batches of about FAVORITES_AT_ONCE favorites."""
        pieces = max(1, len(self.listings) // FAVORITES_AT_ONCE)
        return [self.batch(users) for users in np.array_split(self.users, min(pieces, len(self.users)))]


class _State:
    """Expected counts and priors; changed in place by the passes."""

    def __init__(self, corpus: _Corpus, config: LdaConfig, seed: int) -> None:
        K, n_listings = config.n_topics, corpus.shape[1]
        self.corpus = corpus
        self.alpha = np.full(K, config.alpha or ALPHA, np.float32)
        self.eta = config.eta or ETA
        drawn = generator(seed, "lda", "listings").standard_gamma(1.0, (n_listings, K), np.float32)
        drawn *= (np.maximum(corpus.listing_weight, 0.5) / drawn.sum(axis=1)).astype(np.float32)[:, None]
        self.listing_counts: F32 = drawn
        self.scale = 1.0  # of listing_counts: one number to change when a step scales all of them
        self.style_counts: F64 = drawn.sum(axis=0, dtype=np.float64)
        self.user_counts: F32 = np.repeat((corpus.user_weight / K).astype(np.float32)[:, None], K, axis=1)
        self._q: F32 = np.empty((0, K), np.float32)

    def parameters(self) -> LdaParameters:
        """The posterior means."""
        theta = self.user_counts + self.alpha
        beta = self.listing_counts * np.float32(self.scale) + np.float32(self.eta)
        return LdaParameters(
            theta / theta.sum(axis=1, keepdims=True),
            np.ascontiguousarray((beta / beta.sum(axis=0, dtype=np.float64).astype(np.float32)).T),
            self.alpha.copy(),
            self.eta,
        )

    def first_pass(self, users: I64, rounds: int, step: int) -> int:
        """Run one pass in batches over `users`, each of which updates the listings' counts; return the next step."""
        evidence = self._evidence_of_users(learn=True)
        total = self.corpus.weight.sum(dtype=np.float64)
        for piece in np.array_split(users, min(max(BATCHES, len(users) // USERS_OF_BATCH), len(users))):
            batch = self.corpus.batch(piece)
            self._infer(batch, rounds, evidence)
            rho = (DELAY + step) ** -FORGETTING
            self._move(batch, rho, rho * total / batch.weight)
            step += 1
        self._learn_alpha(evidence)
        return step

    def start_from(self, start: Start) -> None:
        """Start from the given styles; a listing that they lack keeps its random counts."""
        self.alpha, self.eta = start.alpha.copy(), start.eta
        known = start.listing >= 0
        share = start.share * self.corpus.listing_weight[known].sum()
        self.listing_counts[known] = start.beta.T[start.listing[known]] * share
        self.style_counts = self.listing_counts.sum(axis=0, dtype=np.float64)

    def whole_pass(self, batches: list[_Batch], rounds: int = LATER_ROUNDS, *, learn: bool) -> None:
        """Run one pass over all users, recompute the listings' counts from all favorites, and learn the priors."""
        evidence = self._evidence_of_users(learn)
        counts = np.zeros_like(self.listing_counts)
        none = np.ones_like(counts) if learn else _UNUSED
        for batch in batches:
            self._infer(batch, rounds, evidence)
            add_to_listings(batch.listings, batch.starts, batch.order, self._q, np.float32(1), counts, none)
        self.listing_counts, self.scale = counts, 1.0
        self.style_counts = counts.sum(axis=0, dtype=np.float64)
        if learn:
            self._learn_alpha(evidence)
            self._learn_eta(none)

    def _infer(self, batch: _Batch, rounds: int, evidence: F64) -> None:
        corpus = self.corpus
        if len(self._q) < batch.at[-1]:
            self._q = np.empty((batch.at[-1], len(self.alpha)), np.float32)
        per_style = (1 / (self.style_counts + corpus.shape[1] * self.eta)).astype(np.float32)
        infer_users(
            batch.users, batch.at, corpus.indptr, corpus.listings, corpus.weight, self.user_counts,
            self.listing_counts, np.float32(self.scale), np.float32(self.eta), per_style, self.alpha, rounds, self._q,
            evidence,
        )  # fmt: skip

    def _move(self, batch: _Batch, rho: float, factor: float) -> None:
        """N ← (1 − rho) · N + factor · the batch's favorites."""
        if rho == 1:
            self.listing_counts[:] = 0
            self.scale = 1.0
        else:
            self.scale *= 1 - rho
        step = np.float32(factor / self.scale)
        add_to_listings(batch.listings, batch.starts, batch.order, self._q, step, self.listing_counts, _UNUSED)
        moved = factor * self.user_counts[batch.users].sum(axis=0, dtype=np.float64)
        self.style_counts = (1 - rho) * self.style_counts + moved

    def _evidence_of_users(self, learn: bool) -> F64:
        rows = (len(self.corpus.users) + USERS_AT_ONCE - 1) // USERS_AT_ONCE if learn else 0
        return np.zeros((rows, len(self.alpha)))

    def _learn_alpha(self, evidence: F64) -> None:
        alpha = self.alpha.astype(np.float64)
        users = self.corpus.user_weight[self.corpus.users]
        expected = (digamma(users + alpha.sum()) - digamma(alpha.sum())).sum()
        self.alpha = np.maximum(alpha * evidence.sum(axis=0) / expected, SMALLEST_PRIOR).astype(np.float32)

    def _learn_eta(self, none: F32) -> None:
        n_listings = self.corpus.shape[1]
        evidence = np.empty(n_listings)
        listing_evidence(self.listing_counts, none, self.eta, evidence)
        whole = n_listings * self.eta
        expected = n_listings * (digamma(self.style_counts + whole) - digamma(whole)).sum()
        self.eta = max(self.eta * float(evidence.sum() / expected), SMALLEST_PRIOR)


def fit(
    counts: sparse.csr_matrix,
    config: LdaConfig,
    seed: int,
    watch: Callable[[int, LdaParameters], bool] | None = None,
    start: Start | None = None,
) -> LdaParameters:
    """See `lda_engines.fit`; `watch` is called after each whole pass. With a `start` there are only whole passes."""
    first = FIRST_PASSES if start is None else 0
    with progress("passes", first + (config.passes or PASSES)) as advance:
        for whole, state in passes_over(counts, config, seed, start):
            advance(1)
            if whole and watch is not None and watch(whole, state.parameters()):
                break
    return state.parameters()


def passes_over(
    counts: sparse.csr_matrix, config: LdaConfig, seed: int, start: Start | None = None
) -> Iterator[tuple[int, _State]]:
    """After each pass: the number of whole passes so far, and the state, which all passes change in place."""
    corpus = _Corpus(counts)
    state = _State(corpus, config, seed)
    if start is None:
        yield from ((0, state) for _ in _first_passes(state, seed))
    else:
        state.start_from(start)
    batches = corpus.whole_pass()
    for number in range(config.passes or PASSES):
        rounds = FIRST_ROUNDS if start is not None and number == 0 else LATER_ROUNDS
        state.whole_pass(batches, rounds, learn=number % LEARN_EVERY == 0)
        yield number + 1, state


def _first_passes(state: _State, seed: int) -> Iterator[int]:
    """Run the passes in batches; yield the number of each pass when it is finished."""
    draw = generator(seed, "lda", "users")
    step = 0
    for number in range(FIRST_PASSES):
        users = draw.permutation(state.corpus.users)
        step = state.first_pass(users, ROUNDS if number else FIRST_ROUNDS, step)
        yield number
