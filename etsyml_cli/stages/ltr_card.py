"""The README.md of a search ranker: what it is, what it learned from, how good it looked, how to use it."""

from __future__ import annotations

import math
from typing import Any

TEMPLATE = """\
# Search ranker

Ranks the listings that match a query. The score is linear: w · [overlap of query and listing, d_T, d_I], where
- overlap: BM25 of the query over title and tags, the share of the query's words in the title, and in the tags;
- d_T: which of {n_words:,} words title and tags hold, brought to length 1;
- d_I: {photos}.

The weights minimise the logistic loss over all pairs of a stronger and a weaker event (purchase, cart, click,
impression) on the same result page (Lynch, Aryafar, Attenberg, KDD'16), each page counting alike, plus L2 per block.
Words and photo know the listing, not the query: what a query asks for reaches the score through the overlap alone.

## Data

{rows}

Split: {split}.
Words and their frequencies come from the listings table alone. The overlap's l2 is fixed.
{choice} The weights were then fitted on training and validation pages together.
The test pages were not looked at.

## Validation

| variant | l2 | nDCG@10 |
|---|---|---|
{figures}

## Use

    etsyml evaluate --metric ndcg@10
    etsyml rank --query "..."

Clicks follow what was shown: a listing near the top is clicked more often than it deserves, and the model learns that.
"""

CHOSEN = """\
That of the words and of the photo was chosen on the {pages:,} validation pages with a click, by nDCG@10 with linear
gains (impression 0, click 1, cart 2, purchase 3)."""

NOT_CHOSEN = """\
That of the words and of the photo is the strongest of those that were offered: no validation page holds a click by
which to choose."""


def model_card(*, n_words: int, photos: str | None, rows: dict[str, int], split: str, valid: dict[str, Any]) -> str:
    """The card as Markdown. `valid` is what `metrics.json` holds under that name."""
    variants = valid["variants"].items()
    return TEMPLATE.format(
        n_words=n_words,
        photos=f"photo features of {photos}, brought to length 1" if photos else "no photo features were given",
        rows="\n".join(f"- {name.replace('_', ' ')}: {count:,}" for name, count in rows.items()),
        split=split,
        choice=CHOSEN.format(pages=valid["pages"]) if valid["pages"] else NOT_CHOSEN,
        figures="\n".join(f"| {name} | {_l2(found['l2'])} | {_figure(found['value'])} |" for name, found in variants),
    )


def _l2(of_block: dict[str, float]) -> str:
    return ", ".join(f"{block} {value:g}" for block, value in of_block.items())


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"
