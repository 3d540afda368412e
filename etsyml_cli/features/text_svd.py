"""Words of listings as few numbers: TF-IDF rows of length 1, reduced by a truncated SVD (Deerwester et al., 1990)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

from etsyml_cli.features.svd import normalized
from etsyml_cli.features.terms import Terms, build_terms, term_rows
from etsyml_cli.features.text import Words

LEAST_TEXTS = 2  # that a word stands in


@dataclass(frozen=True)
class TextSvd:
    """W words, their `idf`, (W,), and K directions of them, `components`, (W, K)."""

    words: list[str]
    idf: NDArray[np.float64]
    components: NDArray[np.float64]

    def project(self, texts: Sequence[Words]) -> NDArray[np.float32]:
        """The numbers of each text, (N, K), of length 1; zeros for one without a known word."""
        return normalized(term_rows(texts, Terms(self.idf, self.words), "tf-idf") @ self.components)


def fit_text_svd(texts: Sequence[Words], dim: int) -> TextSvd | None:
    """The `dim` strongest directions of the texts, fewer where there are not so many; None where there are none."""
    terms = build_terms(texts, min_count=LEAST_TEXTS, hash_bits=None)
    k = min(dim, len(texts) - 1, terms.width - 1)
    if k < 1:
        return None
    with threadpool_limits(1, user_api="blas"):
        matrix = term_rows(texts, terms, "tf-idf")
        _, strength, vt = svds(matrix, k, v0=np.ones(min(matrix.shape)))
    components = vt[np.argsort(-strength)].T
    largest = np.abs(components).argmax(axis=0)
    return TextSvd(
        terms.names or [], terms.idf, components * np.where(components[largest, np.arange(k)] < 0, -1.0, 1.0)
    )
