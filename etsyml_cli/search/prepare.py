"""Prepare the training data of the search ranker: read the inputs, hold out the test set, build the features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.photos.store import ImageFeatures, check_photos_join, read_image_features
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.features import FeatureState, learn, log_blocks, rows_of_log
from etsyml_cli.search.log import SearchLog, read_searches
from etsyml_cli.search.model.blocks import Block
from etsyml_cli.search.model.pairs import Pages
from etsyml_cli.search.model.propensity import Propensities, fit_propensities, inverse_propensity
from etsyml_cli.splits.days import TEST, TRAIN, VALID, DaySplit, held_out_share
from etsyml_cli.splits.pages import PageSplit, assign_sets, split_pages
from etsyml_cli.splits.small_parts import warn_of_few_events, warn_of_few_rows
from etsyml_cli.text.listings import Listings, read_listings

BY_SELLER = "seller"
PARTS = {"train": TRAIN, "valid": VALID, "test": TEST}


@dataclass(frozen=True)
class Inputs:
    """The inputs of training.

    `holdout` is None (hold out `config.test_share` of the log), "none", or another share; `limit` is the number of
    pages to use, the first ones. Without `images` only the text ranker is trained.
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
    """The training data: the log without the test set, its pages with their set (training, validation) and features."""

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
    """Read the inputs, hold out the test set and build the features of the rest.

    Raises InputError if an input is missing or damaged, or if no listing has a shop and the split is by seller;
    UsageError if the test and the validation set leave no training set; DataError if no listing of the searches is in
    the listings table or has a photo.
    """
    config = inputs.config
    test_share = _test_share(inputs.holdout, config)
    catalog = read_listings(inputs.listings, config.text.plurals)
    if config.split == BY_SELLER and not any(catalog.shops):
        raise InputError(
            f"{inputs.listings}: no listing has a shop_id, which `split: {BY_SELLER}` needs",
            hint="Ingest the listings with their shops (--map shop_id=COLUMN), or split by time or query.",
        )
    log = read_searches(inputs.searches, inputs.limit)
    photos = read_image_features(inputs.images) if inputs.images else None
    shown_ids = Ids("listings of searches", inputs.searches, log.listing_ids)
    check_join(shown_ids, Ids("listings", inputs.listings, catalog.ids))
    check_photos_join(shown_ids, inputs.images, photos)
    split = split_pages(
        log.days, test_share=test_share, valid_share=config.valid_share, seed=inputs.seed, by=config.split
    )
    log, part = assign_split(log, split, config.split, catalog)
    _warn_of_small_parts(log, split, part)
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


def assign_split(log: SearchLog, split: PageSplit, by: str, catalog: Listings) -> tuple[SearchLog, NDArray[np.int8]]:
    """The pages of the log and the set of each, shape (Q,): TRAIN, VALID or TEST.

    A split by seller divides a page into one page per set, with the rows of the sellers in that set.
    """
    if by == BY_SELLER:
        return log.split_by_seller(assign_sets(split, _sellers(log.listing_ids, catalog), None)[log.listing])
    return log, assign_sets(split, log.queries if by == "query" else log.search_ids, log.days)


def _sellers(listing_ids: list[str], catalog: Listings) -> list[str]:
    """The shop of each listing; a listing without a known shop is its own seller."""
    shop_of = dict(zip(catalog.ids, catalog.shops, strict=True))
    return [shop_of.get(listing_id) or listing_id for listing_id in listing_ids]


def _warn_of_small_parts(log: SearchLog, split: PageSplit, part: NDArray[np.int8]) -> None:
    sizes = np.diff(log.offsets)
    relevant = np.bincount(log.page_of_row(), log.level > 0, len(sizes)) > 0
    for name, code in (("validation", VALID), ("test", TEST)):
        in_set = part == code
        if not in_set.any():
            continue
        warn_of_few_events(name, int((in_set & relevant).sum()), "pages with a click")
        if isinstance(split, DaySplit) and log.days is not None:
            of_days = np.bincount(log.days - log.days.min(), sizes)
            warn_of_few_rows(name, int(sizes[in_set].sum()), of_days[of_days > 0].tolist())


def _test_share(holdout: str | None, config: LtrConfig) -> float:
    """The share of the log to hold out as test set; 0 for "none"."""
    share = config.test_share if holdout is None else held_out_share(holdout)
    if share + config.valid_share >= 1:
        raise UsageError(
            f"the test share {share:g} and the validation share {config.valid_share:g} leave no training data"
        )
    return share


def _rows(catalog: Listings, log: SearchLog, part: NDArray[np.int8], config: LtrConfig) -> dict[str, int]:
    """Counts of listings, rows and pages per set; if pages were divided by seller, also of rows per set."""
    rows = {"listings": len(catalog.ids), "search_rows": len(log.listing)}
    rows |= {f"{name}_pages": int((part == code).sum()) for name, code in PARTS.items()}
    if config.split == BY_SELLER:
        rows |= {f"{name}_rows": int(np.diff(log.offsets)[part == code].sum()) for name, code in PARTS.items()}
    return rows


def _pages(log: SearchLog, bias: Propensities | None) -> Pages:
    """The log's pages; with `bias` a pair is weighted by the inverse propensity of its better row."""
    weight = np.ones(len(log.listing)) if bias is None else inverse_propensity(bias, log.position)
    return Pages(log.level, log.position, weight, log.offsets)


def _position_bias(log: SearchLog, config: LtrConfig) -> Propensities | None:
    """The examination of each position, or None if the log does not identify it.

    Raises DataError instead of returning None if the configuration has `debias: position`.
    """
    rows = rows_of_log(log)
    group = rows.query * len(log.listing_ids) + rows.listing
    try:
        return fit_propensities(np.unique(group, return_inverse=True)[1], log.position, log.level > 0)
    except DataError:
        if config.debias == "position":
            raise
        return None
