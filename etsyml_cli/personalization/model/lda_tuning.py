"""Choose the number of passes and the initial prior of LDA by the perplexity of a validation set."""

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

PATIENCE = 2  # whole passes without a better perplexity before training stops
BEHIND = 1.1  # times the perplexity that a better prior had after as many passes: this one will not catch up


class LdaChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen initial prior and number of passes; the perplexity after each pass by prior, and of popularity."""

    eta: float | None
    passes: int
    perplexities: dict[str, list[float]]
    unigram_perplexity: float


def tune(
    counts: sparse.csr_matrix, valid: Favorites, config: LdaConfig, seed: int, start: Start | None
) -> tuple[LdaParameters, LdaChoices]:
    """Fit `counts` and return the parameters with the lowest perplexity on `valid`, and how they were chosen."""
    validation = ValidationPerplexity(counts, valid)
    trials: list[_Trial] = []
    for eta in _etas(config, start):
        trials.append(_Trial(validation, eta, _best(trials)))
        fit(counts, msgspec.structs.replace(config, eta=eta), seed, trials[-1], start)
    best = min(trials, key=lambda trial: trial.perplexity)
    choices = LdaChoices(
        eta=best.eta,
        passes=best.passes,
        perplexities={f"{trial.eta:g}": trial.perplexities for trial in trials},
        unigram_perplexity=validation.unigram,
    )
    return best.learned, choices


def _etas(config: LdaConfig, start: Start | None) -> tuple[float | None, ...]:
    """The initial priors to try: a prior that suits broad catalogs is bad for narrow ones."""
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
        """The perplexity; infinite if there are no such favorites."""
        if not len(self._user):
            return math.inf
        log_p = log_likelihood(learned.theta, learned.beta, self._of_listing, self._user, self._listing)
        return float(np.exp(-log_p.mean()))


class _Trial:
    """Watches a fit from one initial prior: the perplexity after each pass, the best parameters, and when to stop.

    It stops if it no longer improves, or if it is far behind the `rival`, the best fit from another prior.
    """

    def __init__(self, validation: ValidationPerplexity, eta: float | None, rival: _Trial | None = None) -> None:
        self.eta = eta
        self._validation, self._rival = validation, rival
        self.perplexities: list[float] = []
        self.perplexity, self.passes, self.learned = math.inf, 0, validation.popular

    def __call__(self, passes: int, learned: LdaParameters) -> bool:
        value = self._validation.perplexity(learned)
        self.perplexities.append(value)
        if value < self.perplexity:
            self.perplexity, self.passes, self.learned = value, passes, learned
        logger.debug("pass %d: held-out perplexity %.0f, unigram %.0f", passes, value, self._validation.unigram)
        return passes - self.passes >= PATIENCE or self._is_behind()

    def _is_behind(self) -> bool:
        if self._rival is None:
            return False
        return self.perplexity > BEHIND * min(self._rival.perplexities[: len(self.perplexities)])


def _best(trials: list[_Trial]) -> _Trial | None:
    return min(trials, key=lambda trial: trial.perplexity, default=None)
