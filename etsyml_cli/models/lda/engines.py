"""The ways to learn an LDA model. An engine is one file with a `fit` of the same signature and one line here."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.registry import resolve
from etsyml_cli.models.lda.config import LdaConfig
from etsyml_cli.models.lda.parameters import LdaParameters

ENGINES = {"gensim": "etsyml_cli.models.lda.gensim_engine:fit"}


def fit(counts: sparse.csr_matrix, config: LdaConfig, seed: int) -> LdaParameters:
    """LDA of `counts`, shape (U, I): how often (or how much) user u favorited listing i. Leaves `counts` as it is.

    A user without favorites gets the prior's mean as profile. Raises DataError for counts that are not
    positive and finite or where there are none, UsageError for an unknown engine.
    """
    engine = resolve(ENGINES, config.engine, "engine")
    if counts.nnz == 0:
        raise DataError("no favorites to learn from", hint="Hold out less, or lower the minimum numbers of favorites.")
    if not (np.isfinite(counts.data).all() and (counts.data > 0).all()):
        raise DataError("the weight of a favorite must be a positive number", hint="Train with use_weights: false.")
    parameters: LdaParameters = engine(counts, config, seed)
    return parameters
