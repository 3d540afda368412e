"""The model card of a search ranker, README.md: description, training data, validation metrics and usage."""

from __future__ import annotations

import math

from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.learn import Validation
from etsyml_cli.search.store import LtrFacts

TEMPLATE = """\
# Search ranker

Ranks the listings that match a query. The score is linear, a sum over blocks of features:
{blocks}

Shape: {shape}

The weights {minimize} the {loss} loss over {pairs} of a stronger and a weaker event (purchase, cart, click,
impression) on the same result page (Lynch, Aryafar, Attenberg, KDD'16), with equal weight per page{debias}, plus L2 per
block{l1}.

## Data

{rows}

Split: {split}.
Words and their frequencies come from the listings table only. The overlap's l2 is fixed.
{choice} The weights were then fitted on the training and validation pages together.
The test pages were not used.

## Validation

| variant | l2 | nDCG@10 |
|---|---|---|
{figures}
{examination}
## Use

    etsyml evaluate --metric ndcg@10
    etsyml rank --query "..."

Clicks are biased by position: a listing near the top gets more clicks because more users see it. `debias: position`
weights clicks by the inverse probability that their position was examined.
"""

BLOCKS = {
    "overlap": "overlap: BM25 of the query over title and tags, shares of the query's words in title and in tags, "
    "whether the title contains all of them, and whether the listing does",
    "text": "d_T: {n_terms:,} terms of title and tags, scaled to length 1",
    "word_crosses": "word_crosses: query word × listing term, hashed",
    "image": "d_I: photo features of {photos}, scaled to length 1",
    "photo_crosses": "photo_crosses: query word × photo features reduced to {photo_dim} numbers",
}

SHAPES = {
    "query": "query. One model for all queries; the weights of words and photos depend on the query's words, "
    "so it can rank for new queries.",
    "per-query": "per-query. One model for all queries, plus separate weights for each query with enough "
    "searches (Daumé, ACL'07); all other queries use the shared weights only.",
    "global": "global. Only [d_T, d_I], exactly Algorithms 1 and 2: it uses the listing and ignores the query.",
}

MINIMIZE = {"lbfgs": "minimize", "descent": "approximately minimize"}

PAIRS = {
    "all": "all pairs",
    "adjacent": "pairs of neighbors on the page",
    "skip-above": "pairs whose weaker one was above (Joachims, KDD'02; this rewards low positions)",
}

CHOSEN = """\
The l2 of each other block was chosen on the {pages:,} validation pages with a click, by nDCG@10 with linear gains
(impression 0, click 1, cart 2, purchase 3)."""

NOT_CHOSEN = """\
The l2 of each other block is the strongest candidate, because no validation page holds a click."""

EXAMINATION = """
Examination probability of each position, relative to the top, estimated from listings shown at several positions for
the same query:

| position | examination |
|---|---|
{curve}
"""


def model_card(
    *,
    config: LtrConfig,
    n_terms: int,
    facts: LtrFacts,
    rows: dict[str, int],
    split: str,
    valid: Validation,
) -> str:
    """The model card of a ranker of listings, as Markdown."""
    variants = valid.variants.items()
    used = dict.fromkeys(block for _, variant in variants for block in variant.l2)
    words = {"n_terms": n_terms, "photos": facts.photos, "photo_dim": config.photo_dim}
    curve = "\n".join(f"| {position} | {value:.3f} |" for position, value in facts.examination.items())
    return TEMPLATE.format(
        blocks="\n".join(f"- {BLOCKS[block].format(**words)}" for block in used),
        shape=SHAPES[config.shape],
        minimize=MINIMIZE[config.solver],
        loss={"logistic": "logistic", "hinge": "squared hinge"}[config.loss],
        pairs=PAIRS[config.pairs],
        debias=", each pair weighted by the inverse propensity of its position" if config.debias == "position" else "",
        l1=f" and L1 {config.l1:g}" if config.l1 else "",
        rows="\n".join(f"- {name.replace('_', ' ')}: {count:,}" for name, count in rows.items()),
        split=split,
        choice=CHOSEN.format(pages=valid.pages) if valid.pages else NOT_CHOSEN,
        figures="\n".join(f"| {name} | {_l2(fit.l2)} | {_figure(fit.value)} |" for name, fit in variants),
        examination=EXAMINATION.format(curve=curve) if curve else "",
    )


def _l2(of_block: dict[str, float]) -> str:
    return ", ".join(f"{block} {value:g}" for block, value in of_block.items())


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


ROWS_TEMPLATE = """\
# Search ranker over custom features

The score is linear in {columns:,} columns. The weights {minimize} the {loss} loss over {pairs} of a row with a higher
and one with a lower grade on the same page, with equal weight per page, plus L2{l1}; columns are first scaled to a root
mean square of 1. On dense hand-crafted features, boosted trees (LightGBM's lambdarank) rank better.

## Data

{rows}

Split: {split}. {choice}

| l2 | nDCG@10 on validation pages |
|---|---|
| {l2} | {value} |

## Use

    etsyml evaluate --features FILE
    etsyml rank --features FILE
"""


def rows_card(*, config: LtrConfig, columns: int, rows: dict[str, int], split: str, valid: Validation) -> str:
    """The model card of a ranker of feature rows, as Markdown."""
    fit = valid.variants["features"]
    return ROWS_TEMPLATE.format(
        columns=columns,
        minimize=MINIMIZE[config.solver],
        loss={"logistic": "logistic", "hinge": "squared hinge"}[config.loss],
        pairs=PAIRS[config.pairs],
        l1=f" and L1 {config.l1:g}" if config.l1 else "",
        rows="\n".join(f"- {name}: {count:,}" for name, count in rows.items()),
        split=split,
        choice=f"The l2 was chosen on {valid.pages:,} validation pages; the weights were then fitted on all.",
        l2=_l2(fit.l2),
        value=_figure(fit.value),
    )
