"""Words of listings as few numbers: TF-IDF rows of length 1, reduced by a truncated SVD (Deerwester et al., 1990)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.ads.features.sparse_svd import sparse_svd
from etsyml_cli.core.vectors import unit_rows_in_double
from etsyml_cli.text.terms import Terms, build_terms, term_rows
from etsyml_cli.text.words import Words

LEAST_TEXTS = 2  # that a word stands in


@dataclass(frozen=True)
class TextSvd:
    """W words, their `idf`, (W,), and K directions of them, `components`, (W, K)."""

    words: list[str]
    idf: NDArray[np.float64]
    components: NDArray[np.float64]

    def project(self, texts: Sequence[Words]) -> NDArray[np.float32]:
        """The numbers of each text, (N, K), of length 1; zeros for one without a known word."""
        rows = term_rows(texts, Terms(self.idf, self.words), "tf-idf") @ self.components
        return unit_rows_in_double(rows).astype(np.float32)


def fit_text_svd(texts: Sequence[Words], dim: int) -> TextSvd | None:
    """The `dim` strongest directions of the texts, fewer where there are not so many; None where there are none."""
    terms = build_terms(texts, min_count=LEAST_TEXTS, hash_bits=None)
    k = min(dim, len(texts) - 1, terms.width - 1)
    if k < 1:
        return None
    _, _, components = sparse_svd(term_rows(texts, terms, "tf-idf"), k)
    return TextSvd(terms.names or [], terms.idf, components)
