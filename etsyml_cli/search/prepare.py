"""What the ranker learns from: tables and photos read, the test part set aside, features made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.photos.store import ImageFeatures, read_image_features
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.features import FeatureState, learn, log_blocks, rows_of_log
from etsyml_cli.search.log import SearchLog, read_searches
from etsyml_cli.search.model.blocks import Block
from etsyml_cli.search.model.pairs import Pages
from etsyml_cli.search.model.propensity import Propensities, fit_propensities, inverse_propensity
from etsyml_cli.search.parts import BY_SELLER, assign_split
from etsyml_cli.splits.days import TEST, TRAIN, VALID, DaySplit, held_out_share
from etsyml_cli.splits.pages import PageSplit, split_pages
from etsyml_cli.splits.small_parts import warn_of_few_events, warn_of_few_rows
from etsyml_cli.text.listings import Listings, read_listings

PARTS = {"train": TRAIN, "valid": VALID, "test": TEST}


@dataclass(frozen=True)
class Inputs:
    """What a ranker is made from.

    `holdout` is None (the last `config.test_share` of the days), "none", or another share; `limit` takes the first
    pages only. Without `images` the text ranker is the only one.
    """

    listings: Path
    searches: Path
    images: Path | None
    config: LtrConfig
    seed: int
    holdout: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class TrainingData:
    """What the ranker learns from: the log without its test part, its pages, their parts and blocks of features."""

    rows: dict[str, int]
    split: PageSplit
    part: NDArray[np.int8]
    log: SearchLog
    photos: ImageFeatures | None
    bias: Propensities | None
    state: FeatureState
    blocks: dict[str, Block]
    pages: Pages


def load_training_data(inputs: Inputs) -> TrainingData:
    """Read the inputs, set the test part aside and make the features of the rest."""
    config = inputs.config
    test_share = _test_share(inputs.holdout, config)
    catalog = read_listings(inputs.listings)
    if config.split == BY_SELLER and not any(catalog.shops):
        raise InputError(
            f"{inputs.listings}: no listing has a shop_id, by which `split: {BY_SELLER}` holds out",
            hint="Ingest the listings with their shops (--map shop_id=COLUMN), or split by time or query.",
        )
    log = read_searches(inputs.searches, inputs.limit)
    split = split_pages(
        log.days, test_share=test_share, valid_share=config.valid_share, seed=inputs.seed, by=config.split
    )
    log, part = assign_split(log, split, config.split, catalog)
    _warn_of_small_parts(log, split, part)
    photos = read_image_features(inputs.images) if inputs.images else None
    shown = log.take(part != TEST)
    bias = _position_bias(shown, config)
    state = learn(catalog, shown, photos, config)
    return TrainingData(
        rows=_rows(catalog, log, part, config),
        split=split,
        part=part[part != TEST],
        log=shown,
        photos=photos,
        bias=bias,
        state=state,
        blocks=log_blocks(state, catalog, photos, shown),
        pages=_pages(shown, bias if config.debias == "position" else None),
    )


def _warn_of_small_parts(log: SearchLog, split: PageSplit, part: NDArray[np.int8]) -> None:
    sizes = np.diff(log.offsets)
    relevant = np.bincount(log.page_of_row(), log.level > 0, len(sizes)) > 0
    for name, code in (("validation", VALID), ("test", TEST)):
        mine = part == code
        if not mine.any():
            continue
        warn_of_few_events(name, int((mine & relevant).sum()), "pages with a click")
        if isinstance(split, DaySplit) and log.days is not None:
            of_days = np.bincount(log.days - log.days.min(), sizes)
            warn_of_few_rows(name, int(sizes[mine].sum()), of_days[of_days > 0].tolist())


def _test_share(holdout: str | None, config: LtrConfig) -> float:
    """The share of the log that is held out for the test; 0 for "none"."""
    share = config.test_share if holdout is None else held_out_share(holdout)
    if share + config.valid_share >= 1:
        raise UsageError(f"test {share:g} and validation {config.valid_share:g} together leave nothing to train on")
    return share


def _rows(catalog: Listings, log: SearchLog, part: NDArray[np.int8], config: LtrConfig) -> dict[str, int]:
    """How many there are of each; where pages were divided among the parts, also where their rows went."""
    rows = {"listings": len(catalog.ids), "search_rows": len(log.listing)}
    rows |= {f"{name}_pages": int((part == code).sum()) for name, code in PARTS.items()}
    if config.split == BY_SELLER:
        rows |= {f"{name}_rows": int(np.diff(log.offsets)[part == code].sum()) for name, code in PARTS.items()}
    return rows


def _pages(log: SearchLog, bias: Propensities | None) -> Pages:
    """The log's pages; with `bias` a pair weighs the inverse of how likely its better row was looked at."""
    weight = np.ones(len(log.listing)) if bias is None else inverse_propensity(bias, log.position)
    return Pages(log.level, log.position, weight, log.offsets)


def _position_bias(log: SearchLog, config: LtrConfig) -> Propensities | None:
    """How likely each position is looked at; None where the log cannot tell, but then `debias: position` raises."""
    asked = rows_of_log(log)
    group = asked.query * len(log.listing_ids) + asked.listing
    try:
        return fit_propensities(np.unique(group, return_inverse=True)[1], log.position, log.level > 0)
    except DataError:
        if config.debias == "position":
            raise
        return None
