"""A new click model: its parts, made from a configuration, the listings table and photo features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from msgspec.structs import replace
from numpy.typing import NDArray

from etsyml_cli.ads.click_model import CONTENT, HISTORICAL, CtrModel, Part, new_clicks, new_histories
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.day_totals import Averages
from etsyml_cli.ads.features.rows import RowHasher
from etsyml_cli.ads.listing_features import SideInputs, learn_reductions, listing_features
from etsyml_cli.ads.log import columns_of
from etsyml_cli.ads.model.blend import plain_blend
from etsyml_cli.ads.model.ftrl import new_state, start_at
from etsyml_cli.core.log import logger
from etsyml_cli.io.tables import open_table, read_table
from etsyml_cli.photos.store import read_image_features


def listing_columns(listings: Path | None) -> dict[str, pa.DataType]:
    """The columns of the listings table and what they hold; none where there is no table."""
    return {} if listings is None else columns_of(open_table(listings, "listings"))


def read_feature_columns(config: CtrConfig, listings: Path | None) -> pa.Table | None:
    """What the listings table holds of the model's features; None where there is no table."""
    if listings is None:
        return None
    wanted = {"listing_id", *config.columns()}
    return read_table(listings, "listings", [name for name in listing_columns(listings) if name in wanted])


def new_model(config: CtrConfig, side: SideInputs, average: Averages, day: int, seed: int = 0) -> CtrModel:
    """A model that predicts the average click rate for every row, on `day`."""
    states = {name: new_state(config.bits) for name in part_names(config)}
    parts = parts_with(config, average.impressions, states, side.listings)
    of_all = average.click_rate
    of_learned = of_all / (of_all + (1 - of_all) * config.negatives)
    for part in parts.values():
        start_at(part.zn, of_learned, part.config)
    return CtrModel(
        config=config,
        row_size=average.impressions,
        parts=parts,
        listing_features=listing_features(side, learn_reductions(side, config), config),
        histories=new_histories(config, day),
        clicks=new_clicks(config, day),
        blend=plain_blend(len(states)),
        seed=seed,
    )


def new_side_inputs(config: CtrConfig, listings: Path | None, images: Path | None) -> SideInputs:
    """What a model of this configuration will need beside a log."""
    side = SideInputs(read_feature_columns(config, listings), read_image_features(images) if images else None)
    ids = side.listings["listing_id"].to_pylist() if side.listings is not None else []
    if ids and side.photos and set(ids).isdisjoint(side.photos.ids):
        logger.warning("%s: its photos are of none of the listings in %s", images, listings)
    return side


def part_names(config: CtrConfig) -> list[str]:
    return [HISTORICAL, CONTENT] if config.history else [CONTENT]


def parts_with(
    config: CtrConfig, row_size: float, states: dict[str, NDArray[np.float64]], listings: pa.Table | None
) -> dict[str, Part]:
    """Parts with these states. `config.beta` is that of rows of one impression: a row of many is as large a step."""
    features, history = config.features, config.history
    learning = replace(config, beta=config.beta * row_size)
    hashers = {
        CONTENT: RowHasher(
            categorical=features.categorical,
            text=features.text,
            crosses=features.crosses,
            word_crosses=features.word_crosses,
            numeric=features.numeric,
            bits=config.bits,
            listings=listings,
        )
    }
    if history:
        counts = [*history.counts, *history.click_svd]
        hashers[HISTORICAL] = RowHasher(
            categorical=history.categorical, counts=counts, bits=config.bits, listings=listings
        )
    return {name: Part(learning, zn, hashers[name]) for name, zn in states.items()}
