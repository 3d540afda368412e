"""Perplexity of held-out favorites, by document completion (Wallach et al., 2009)."""

from __future__ import annotations

import numpy as np

from etsyml_cli.metrics.metric import Metric
from etsyml_cli.metrics.shapes import FavoriteMetric


def perplexity(mean_log_p: float) -> float:
    """exp of the mean −log probability of a held-out favorite."""
    return float(np.exp(-mean_log_p))


PERPLEXITY = Metric(
    name="perplexity",
    definition="exp of the mean −log probability of a held-out favorite given the user's training favorites; only "
    "for listings with a training favorite; the model is mixed with 1% of the unigram distribution",
    source="Wallach et al., ICML 2009",
    better="lower",
    cutoff="none",
    shapes=(FavoriteMetric(perplexity),),
)
