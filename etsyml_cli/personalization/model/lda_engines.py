"""The engines that fit LDA. An engine is one file with a `fit` of the same signature and one line here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.registry import resolve
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start

# called with the number of passes and the parameters; returns whether to stop
Watch = Callable[[int, LdaParameters], bool]

ENGINES = {
    "native": "etsyml_cli.personalization.model.lda_cvb0:fit",
    "gensim": "etsyml_cli.personalization.model.lda_gensim:fit",
}
CONTINUABLE_ENGINE = "native"  # the engine that can continue from a model
STARTS = {"native": (0.02, 0.1, 0.5), "gensim": (0.3,)}  # initial values of eta to try if none is configured
WEIGHTS = (1e-12, 1e12)  # the least and the greatest weight of a favorite
DEFAULT_STARTS = (0.1,)  # of other engines


def expect_positive(counts: sparse.csr_matrix) -> None:
    """Raises DataError if there are no counts or if one is not a positive number within WEIGHTS."""
    if counts.nnz == 0:
        raise DataError("no favorites to learn from", hint="Hold out less, or lower the minimum numbers of favorites.")
    if not (np.isfinite(counts.data).all() and (counts.data > 0).all()):
        raise DataError(
            "the weight of a favorite must be a positive number", hint="Train with --set use_weights=false."
        )
    least, most = counts.data.min(), counts.data.max()
    if least < WEIGHTS[0] or most > WEIGHTS[1]:
        raise DataError(
            f"weights of favorites from {least:g} to {most:g}: expected from {WEIGHTS[0]:g} to {WEIGHTS[1]:g}",
            hint="Bring the weights into this range, or train with --set use_weights=false.",
        )


def fit(
    counts: sparse.csr_matrix, config: LdaConfig, seed: int, watch: Watch | None = None, start: Start | None = None
) -> LdaParameters:
    """Fit LDA to `counts`, shape (U, I): the weight of each user's favorites. `counts` is not changed.

    If the engine supports it, it calls `watch` after each pass and stops if that returns true. A user without favorites
    gets the prior's mean as profile. Raises DataError if there are no counts or if one is not positive and finite,
    UsageError for an unknown engine or one that cannot continue from a `start`.
    """
    engine = resolve(ENGINES, config.engine, "engine")
    expect_positive(counts)
    if start is None:
        learned: LdaParameters = engine(counts, config, seed, watch)
        return learned
    if config.engine != CONTINUABLE_ENGINE:
        raise UsageError(
            f"the engine {config.engine} cannot continue from a model", hint=f"Use engine: {CONTINUABLE_ENGINE}."
        )
    if config.n_topics != len(start.alpha):
        raise UsageError(f"n_topics is {config.n_topics}, but the model to continue from has {len(start.alpha)} styles")
    further: LdaParameters = engine(counts, config, seed, watch, start)
    return further
