"""How long to train LDA and from which prior, chosen by the perplexity of a validation set."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.metrics.recommendation import log_likelihood
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda_engines import DEFAULT_STARTS, STARTS, fit
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start, one_style

PATIENCE = 2  # whole passes without a better perplexity


class LdaChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen initial prior and number of passes; the perplexity after each pass by prior, and of popularity."""

    eta: float | None
    passes: int
    perplexities: dict[str, list[float]]
    unigram_perplexity: float


def tune(
    counts: sparse.csr_matrix, valid: Favorites, config: LdaConfig, seed: int, start: Start | None
) -> tuple[LdaParameters, LdaChoices]:
    """The parameters of lowest perplexity on `valid`, learned from `counts`, and how they were found."""
    judge = ValidationPerplexity(counts, valid)
    trials = [_Trial(judge, eta) for eta in _etas(config, start)]
    for trial in trials:
        fit(counts, msgspec.structs.replace(config, eta=trial.eta), seed, trial, start)
    best = min(trials, key=lambda trial: trial.perplexity)
    choices = LdaChoices(
        eta=best.eta,
        passes=best.passes,
        perplexities={f"{trial.eta:g}": trial.perplexities for trial in trials},
        unigram_perplexity=judge.unigram,
    )
    return best.learned, choices


def _etas(config: LdaConfig, start: Start | None) -> tuple[float | None, ...]:
    """The initial priors to try: a prior that suits broad catalogs hurts narrow ones."""
    if start is not None:
        return (start.eta,)
    return (config.eta,) if config.eta else STARTS.get(config.engine, DEFAULT_STARTS)


class ValidationPerplexity:
    """The perplexity of the validation favorites of listings that have other favorites, and that of popularity."""

    def __init__(self, part: sparse.csr_matrix, valid: Favorites) -> None:
        counts = np.asarray(part.sum(axis=0)).ravel()
        self._of_listing = counts / counts.sum()
        known = counts[valid.indices] > 0
        self._user, self._listing = valid.users()[known], valid.indices[known]
        self.popular = one_style(counts, part.shape[0])
        self.unigram = self.perplexity(self.popular)

    def perplexity(self, learned: LdaParameters) -> float:
        """Infinite if there are no such favorites."""
        if not len(self._user):
            return math.inf
        log_p = log_likelihood(learned.theta, learned.beta, self._of_listing, self._user, self._listing)
        return float(np.exp(-log_p.mean()))


class _Trial:
    """Watches a fit from one initial prior: the perplexity after each pass, the best of them, and when to stop."""

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
