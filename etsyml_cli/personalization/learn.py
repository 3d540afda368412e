"""Learn styles and neighbors; how long, and how to mix them, is chosen on favorites set aside, which teach later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.core.rng import generator
from etsyml_cli.metrics.definitions.recall import recall
from etsyml_cli.metrics.recommendation import hits_of, log_likelihood
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites, Neighbors
from etsyml_cli.personalization.model.item_knn import nearest_listings
from etsyml_cli.personalization.model.lda import STARTS, expect_positive, fit
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start, one_style
from etsyml_cli.personalization.model.top_k import Ranker, top_listings

SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(11))
SHARE_UNCHOSEN = 0.7  # of the neighbors, where nobody has enough favorites to set some aside
JUDGED_AT = 20
MOST_JUDGED = 5000  # users; more would cost time and choose the same
PATIENCE = 2  # whole passes without a better perplexity


@dataclass(frozen=True)
class FittedMix:
    """What LDA and item neighbors learned, the neighbors' share of the mix, and how the choices came out."""

    parameters: LdaParameters
    neighbors: Neighbors
    share: float
    choices: dict[str, Any]


def learn(
    counts: sparse.csr_matrix, valid: Favorites, config: LdaConfig, seed: int, start: Start | None = None
) -> FittedMix:
    """Learn from `counts`, (U, I); `valid` are those of their favorites on which is chosen, perhaps none."""
    expect_positive(counts)
    choices: dict[str, Any] = {}
    share = SHARE_UNCHOSEN
    if len(valid.indices):
        part = _without(counts, valid)
        judge = ValidationPerplexity(part, valid)
        trials = [_Trial(judge, eta) for eta in _etas(config, start)]
        for trial in trials:
            fit(part, msgspec.structs.replace(config, eta=trial.eta), seed, trial, start)
        best = min(trials, key=lambda trial: trial.perplexity)
        recalls = _recalls(part, valid, best.learned, config, seed)
        share = max(recalls, key=lambda one: (recalls[one], -one))
        config = msgspec.structs.replace(config, eta=best.eta, passes=best.passes)
        choices = {
            "eta": best.eta,
            "passes": best.passes,
            "share": share,
            "valid_perplexity": {f"{trial.eta:g}": trial.perplexities for trial in trials},
            "valid_unigram_perplexity": judge.unigram,
            f"valid_recall@{JUDGED_AT}": {str(one): found for one, found in recalls.items()},
        }
    else:
        logger.info("nobody has enough favorites to choose on: %s of the lists are neighbours", f"{share:.0%}")
    return FittedMix(
        fit(counts, config, seed, start=start), nearest_listings(counts, config.neighbours), share, choices
    )


def _etas(config: LdaConfig, start: Start | None) -> tuple[float | None, ...]:
    """Where the prior of a style's listings may start: what suits broad catalogs hurts narrow ones."""
    if start is not None:
        return (start.eta,)
    return (config.eta,) if config.eta else STARTS[config.engine]


class ValidationPerplexity:
    """Knows the perplexity of the favorites set aside, of listings that the others teach, and that of popularity."""

    def __init__(self, part: sparse.csr_matrix, valid: Favorites) -> None:
        counts = np.asarray(part.sum(axis=0)).ravel()
        self._of_listing = counts / counts.sum()
        known = counts[valid.indices] > 0
        self._user, self._listing = valid.users()[known], valid.indices[known]
        self.popular = one_style(counts, part.shape[0])
        self.unigram = self.perplexity(self.popular)

    def perplexity(self, learned: LdaParameters) -> float:
        """Infinite where there are no such favorites."""
        if not len(self._user):
            return math.inf
        log_p = log_likelihood(learned.theta, learned.beta, self._of_listing, self._user, self._listing)
        return float(np.exp(-log_p.mean()))


class _Trial:
    """Watches a fit from one start: what the judge says after each pass, the best of them, and when to stop."""

    def __init__(self, judge: ValidationPerplexity, eta: float | None) -> None:
        self.eta = eta
        self._judge = judge
        self.perplexities: list[float] = []
        self.perplexity, self.passes, self.learned = math.inf, 0, judge.popular

    def __call__(self, passes: int, learned: LdaParameters) -> bool:
        found = self._judge.perplexity(learned)
        self.perplexities.append(found)
        if found < self.perplexity:
            self.perplexity, self.passes, self.learned = found, passes, learned
        logger.debug("pass %d: held-out perplexity %.0f, unigram %.0f", passes, found, self._judge.unigram)
        return passes - self.passes >= PATIENCE


def _recalls(
    part: sparse.csr_matrix, valid: Favorites, learned: LdaParameters, config: LdaConfig, seed: int
) -> dict[float, float]:
    """Recall of the favorites set aside, by each share of the neighbors, over at most MOST_JUDGED users."""
    users = np.flatnonzero(valid.per_user())
    if len(users) > MOST_JUDGED:
        users = np.sort(generator(seed, "lda", "judged").choice(users, MOST_JUDGED, replace=False))
    neighbors = nearest_listings(part, config.neighbours)
    known = Favorites(part.indptr.astype(np.int64), part.indices).take(users)
    held = valid.take(users)
    found = {}
    for share in SHARES:
        top, _ = top_listings(Ranker(learned.beta, neighbors, share), learned.theta[users], known, known, JUDGED_AT)
        found[share] = float(recall(hits_of(top, held.indptr, held.indices), held.per_user()).mean())
    return found


def _without(counts: sparse.csr_matrix, favorites: Favorites) -> sparse.csr_matrix:
    """The counts but for these favorites."""
    taken = sparse.csr_matrix((np.ones(len(favorites.indices)), favorites.indices, favorites.indptr), counts.shape)
    kept = counts - counts.multiply(taken)
    kept.eliminate_zeros()
    kept.sort_indices()
    return sparse.csr_matrix(kept)
