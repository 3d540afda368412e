"""Reduce the words of listings: TF-IDF rows of length 1, reduced by a truncated SVD (Deerwester et al., 1990)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.vectors import unit_rows_in_double
from etsyml_cli.text.sparse_svd import sparse_svd
from etsyml_cli.text.terms import Terms, build_terms, term_rows
from etsyml_cli.text.tokenize import Words

MIN_TEXTS = 2  # a word must occur in this many texts


@dataclass(frozen=True)
class TextSvd:
    """W words, their `idf`, (W,), and K right singular vectors, `components`, (W, K)."""

    words: list[str]
    idf: NDArray[np.float64]
    components: NDArray[np.float64]

    def project(self, texts: Sequence[Words]) -> NDArray[np.float32]:
        """The reduced texts, (N, K), scaled to length 1; zeros for a text without known words."""
        rows = term_rows(texts, Terms(self.idf, self.words), "tf-idf") @ self.components
        return unit_rows_in_double(rows).astype(np.float32)


def fit_text_svd(texts: Sequence[Words], dim: int) -> TextSvd | None:
    """Fit at most `dim` components to the texts; None if there are too few texts or words."""
    terms = build_terms(texts, min_count=MIN_TEXTS, hash_bits=None)
    k = min(dim, len(texts) - 1, terms.width - 1)
    if k < 1:
        return None
    _, _, components = sparse_svd(term_rows(texts, terms, "tf-idf"), k)
    return TextSvd(terms.names or [], terms.idf, components)
