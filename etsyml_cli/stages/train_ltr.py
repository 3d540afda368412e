"""Train the search ranker: words and photos of listings, pairs of clicked and ignored ones of the same result page."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.features.text import build_vocabulary, count_words
from etsyml_cli.ingest.page_split import PageSplit, describe, parts, split_pages
from etsyml_cli.ingest.split import TEST, TRAIN, VALID, held_out_share
from etsyml_cli.io.artifact import Draft, Plan, artifact, source_of
from etsyml_cli.io.features import made_by, read_image_features
from etsyml_cli.io.model import CARD, METRICS, SPLIT, save_config, save_json
from etsyml_cli.io.tables import table_source
from etsyml_cli.metrics.ranking import byte_order, ndcg, rank_pages
from etsyml_cli.models.ltr.choose import choose_and_fit, combinations
from etsyml_cli.models.ltr.config import LtrConfig
from etsyml_cli.models.ltr.fit import Pages, count_pairs
from etsyml_cli.models.ltr.score import Blocks, Weights, score, variants_of
from etsyml_cli.stages.ltr_card import model_card
from etsyml_cli.stages.ltr_inputs import Listings, SearchLog, read_listings, read_searches
from etsyml_cli.stages.ltr_model import KIND, LtrModel, log_features, save_model
from etsyml_cli.stages.summary import Summary, made_before

JUDGED_AT = 10


def train_ltr(
    *,
    listings: Path,
    searches: Path,
    images: Path | None,
    out: Path,
    config: LtrConfig,
    seed: int,
    holdout: str | None = None,
    limit: int | None = None,
    force: bool = False,
    replace: bool = True,
) -> Summary:
    """Train text, image and multimodal rankers on the same pairs and write them to `out`.

    `holdout` is None (the last `config.test_share` of the days), "none", or another share; `limit` takes the first
    pages only. Without `images` the text ranker is the only one.
    """
    settings = msgspec.to_builtins(config) | {"holdout": holdout, "limit": limit}
    inputs = {"listings": [table_source(listings, "listings")], "searches": [table_source(searches, "searches")]}
    if images is not None:
        inputs["images"] = [source_of(images)]
    plan = Plan(kind=KIND, config=settings, inputs=inputs, seed=seed)
    if there := made_before(out, plan, force=force):
        return there
    test_share = _test_share(holdout, config)
    catalogue = read_listings(listings)
    log = read_searches(searches, limit)
    split = split_pages(log.days, test_share=test_share, valid_share=config.valid_share, seed=seed)
    part = parts(split, log.search_ids, log.days)
    vocabulary = build_vocabulary(count_words(catalogue.title_words, catalogue.tag_words), config.min_count)
    photos = read_image_features(images) if images else None
    known = log.take(part != TEST)
    features = log_features(vocabulary, catalogue, photos, known)
    pages = Pages(known.listing, known.level, features.overlap, known.offsets)
    with artifact(out, plan, replace=replace) as draft:
        draft.rows = _rows(catalogue, log, part) | {"pairs": int(count_pairs(pages).sum())}
        draft.facts = {"photos": made_by(photos.facts) if photos else None}
        weights, valid = _learn(pages, features.blocks, part[part != TEST], byte_order(known.listing_ids), config)
        if valid["pages"]:
            of_variant = {variant: found["value"] for variant, found in valid["variants"].items()}
            draft.facts |= {f"valid_{valid['metric']}": of_variant}
        _write(draft, LtrModel(vocabulary, weights), config, split, valid)
    return Summary(kind=KIND, path=str(out), rows=draft.rows, facts=draft.facts)


def _test_share(holdout: str | None, config: LtrConfig) -> float:
    """The share of the log that is held out for the test; 0 for "none"."""
    share = config.test_share if holdout is None else held_out_share(holdout)
    if share + config.valid_share >= 1:
        raise UsageError(f"test {share:g} and validation {config.valid_share:g} together leave nothing to train on")
    return share


def _rows(catalogue: Listings, log: SearchLog, part: NDArray[np.int8]) -> dict[str, int]:
    sizes = {name: int((part == code).sum()) for name, code in (("train", TRAIN), ("valid", VALID), ("test", TEST))}
    return {
        "listings": len(catalogue.ids),
        "search_rows": len(log.listing),
        **{f"{name}_pages": size for name, size in sizes.items()},
    }


def _learn(
    pages: Pages, blocks: Blocks, part: NDArray[np.int8], id_order: NDArray[np.int64], config: LtrConfig
) -> tuple[dict[str, Weights], dict[str, Any]]:
    """The weights of each variant whose blocks there are, and what the validation pages said of it."""
    train = pages.take(part == TRAIN)
    if not count_pairs(train).any():
        raise DataError(
            "no search page of the training part holds both a stronger and a weaker event",
            hint="The ranker learns from clicked and ignored listings of one page. Does the column event hold clicks?",
        )
    clicked = np.maximum.reduceat(pages.level, pages.offsets[:-1]) > 0
    valid = pages.take((part == VALID) & clicked)
    judge = partial(_validation_ndcg, valid=valid, blocks=blocks, id_order=id_order)
    weights, figures = {}, {}
    for variant, names in variants_of(blocks).items():
        logger.info("fitting the %s ranker", variant)
        weights[variant], best, tried = choose_and_fit(
            train, pages, blocks, combinations(names, config.l2), judge=judge, max_iterations=config.max_iterations
        )
        figures[variant] = {"l2": best.l2, "value": best.value, "tried": msgspec.to_builtins(tried)}
    return weights, {"metric": f"ndcg@{JUDGED_AT}", "pages": len(valid.offsets) - 1, "variants": figures}


def _validation_ndcg(weights: Weights, *, valid: Pages, blocks: Blocks, id_order: NDArray[np.int64]) -> float:
    """Mean over the pages of `valid`, all with a click; NaN of no page: nothing exceeds it, so the first l2 stays."""
    if len(valid.level) == 0:
        return math.nan
    scores = score(weights, blocks, valid.overlap, valid.listing)
    ranked = rank_pages(scores, valid.level.astype(np.float64), valid.offsets, id_order[valid.listing])
    return float(ndcg(ranked, JUDGED_AT).mean())


def _write(draft: Draft, model: LtrModel, config: LtrConfig, split: PageSplit, valid: dict[str, Any]) -> None:
    save_model(draft.path, model)
    save_config(draft.path, config)
    save_json(draft.path, SPLIT, split)
    save_json(draft.path, METRICS, {"valid": valid})
    card = model_card(
        n_words=len(model.vocabulary.words),
        photos=draft.facts["photos"],
        rows=draft.rows,
        split=describe(split),
        valid=valid,
    )
    (draft.path / CARD).write_text(card, encoding="utf-8")
