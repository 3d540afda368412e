"""Export the training pairs of the ranker as classification instances for other tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from etsyml_cli.core.rng import generator
from etsyml_cli.io.atomic import whole_file
from etsyml_cli.search.model.blocks import Block
from etsyml_cli.search.model.pairs import Pages, PairKind, iterate_pairs
from etsyml_cli.search.model.score import Blocks
from etsyml_cli.search.svmlight import write_rows

PAIRS_AT_ONCE = 2048


def export_pairs(path: Path, pages: Pages, blocks: dict[str, Block], pairs: PairKind, seed: int, *, force: bool) -> int:
    """Write the instances of Algorithm 2 (Lynch et al., KDD'16) to `path` and return their number.

    One line per pair: y = +1 and x = d⁺ − d⁻ or, with probability 1/2, y = −1 and x = d⁻ − d⁺; `qid:` is the number
    of the page. The features of the blocks are concatenated and numbered from 1.
    """
    rng = generator(seed, "instances")
    page_of_row = np.repeat(np.arange(len(pages.offsets) - 1), np.diff(pages.offsets))
    written = 0
    with whole_file(path, force=force) as partial, partial.open("w", encoding="utf-8") as file:
        for better, worse, difference in instances(pages, blocks, pairs):
            y = np.where(rng.random(len(better)) > 0.5, 1.0, -1.0)
            signed = sparse.csr_matrix(sparse.diags_array(y) @ difference)
            write_rows(file, y.tolist(), [str(page + 1) for page in page_of_row[better]], signed)
            written += len(worse)
    return written


def instances(
    pages: Pages, blocks: Blocks, pairs: PairKind
) -> Iterator[tuple[np.ndarray, np.ndarray, sparse.csr_matrix]]:
    """Batches of better and worse rows, (P,) each, and d⁺ − d⁻, (P, 1 + D), with an empty first column."""
    for better, worse in iterate_pairs(pages, pairs, at_once=PAIRS_AT_ONCE):
        difference = sparse.hstack(
            [
                sparse.csr_matrix((len(better), 1)),
                *(block.take(better).matrix() - block.take(worse).matrix() for block in blocks.values()),
            ],
            format="csr",
        )
        difference.eliminate_zeros()
        yield better, worse, difference
