"""The score of the linear ranker: a sum over blocks of features, each with its own weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import F64
from etsyml_cli.search.model.blocks import Block

Weights = dict[str, F64]  # block -> weights, shape (width of the block,)
Blocks = Mapping[str, Block]

OVERLAP = "overlap"
TEXT_BLOCKS = (OVERLAP, "text", "word_crosses")
IMAGE_BLOCKS = ("image", "photo_crosses")

# variant -> the blocks it may use; all variants are trained on the same pairs
VARIANTS: dict[str, tuple[str, ...]] = {
    "text": TEXT_BLOCKS,
    "image": IMAGE_BLOCKS,
    "multimodal": (*TEXT_BLOCKS, *IMAGE_BLOCKS),
    "features": ("features",),
}


def variants_of(blocks: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The variants that can be trained on these blocks, each with its own; multimodal needs words and photos."""
    found = {name: tuple(block for block in own if block in blocks) for name, own in VARIANTS.items()}
    if not found["text"] or not found["image"]:
        found.pop("multimodal")
    return {name: own for name, own in found.items() if own}


def score(weights: Weights, blocks: Blocks) -> F64:
    """w · d_MM of N rows, shape (N,), over the blocks that have weights (Lynch et al., KDD'16, §3)."""
    total: F64 = np.sum([blocks[name].scores(w) for name, w in weights.items()], axis=0)
    return total


def take(blocks: Blocks, rows: NDArray[np.bool_] | NDArray[np.int64]) -> dict[str, Block]:
    """Every block for these rows only."""
    return {name: block.take(rows) for name, block in blocks.items()}
