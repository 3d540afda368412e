"""The linear ranker's score: overlap of query and listing, words and photo, each with its own weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

Floats = NDArray[np.float64]
Weights = dict[str, Floats]  # block -> weights, shape (D of the block,)
Blocks = Mapping[str, LinearOperator]  # block of listing features -> map of shape (I, D of the block)

OVERLAP = "overlap"

# variant -> its blocks; all variants are trained on the same pairs
VARIANTS: dict[str, tuple[str, ...]] = {
    "text": (OVERLAP, "text"),
    "image": ("image",),
    "multimodal": (OVERLAP, "text", "image"),
}


def variants_of(blocks: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The variants that can be trained on these blocks of listing features, each with its own blocks."""
    return {variant: own for variant, own in VARIANTS.items() if set(own) <= {OVERLAP, *blocks}}


def score(weights: Weights, blocks: Blocks, overlap: Floats, listing: NDArray[np.int64]) -> Floats:
    """w·[overlap(q, d), d_T, d_I] of N rows, shape (N,), for the blocks that have weights (Lynch et al., KDD'16, §3).

    `overlap` has shape (N, 3); `listing`, shape (N,), names the blocks' rows. A listing is scored once however
    many rows show it.
    """
    of_listing = {name: blocks[name].matvec(w) for name, w in weights.items() if name != OVERLAP}
    start = overlap @ weights[OVERLAP] if OVERLAP in weights else np.zeros(len(listing))
    return sum((scores[listing] for scores in of_listing.values()), start=start)
