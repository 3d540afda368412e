"""Make the parts of a click model from its configuration, the listings table and photo features."""

from __future__ import annotations

import pyarrow as pa
from msgspec.structs import replace

from etsyml_cli.ads.click_model import CONTENT, HISTORICAL, CtrModel, Part, new_clicks, new_histories
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.derived.add import DerivedColumns
from etsyml_cli.ads.features.rows import RowHasher
from etsyml_cli.ads.listing_features import learn_reductions, listing_features
from etsyml_cli.ads.log.day_totals import Averages
from etsyml_cli.ads.model.blend import plain_blend
from etsyml_cli.ads.model.ftrl import new_state, start_at
from etsyml_cli.ads.side_inputs import SideInputs
from etsyml_cli.core.types import F64


def new_model(config: CtrConfig, side: SideInputs, average: Averages, day: int, seed: int = 0) -> CtrModel:
    """An untrained model at the start of `day` that predicts the average click rate for every row."""
    states = {name: new_state(config.bits) for name in part_names(config)}
    parts = parts_with(config, average.impressions, states, side.listings)
    rate = average.click_rate
    sampled_rate = rate / (rate + (1 - rate) * config.negatives)
    for part in parts.values():
        start_at(part.zn, sampled_rate, part.config)
    return CtrModel(
        config=config,
        row_size=average.impressions,
        parts=parts,
        derived=DerivedColumns(config.columns(), side.listings),
        listing_features=listing_features(side, learn_reductions(side, config), config),
        histories=new_histories(config, day),
        clicks=new_clicks(config, day),
        blend=plain_blend(len(states)),
        seed=seed,
    )


def part_names(config: CtrConfig) -> list[str]:
    return [HISTORICAL, CONTENT] if config.history else [CONTENT]


def parts_with(
    config: CtrConfig, row_size: float, states: dict[str, F64], listings: pa.Table | None
) -> dict[str, Part]:
    """Parts with these states, by name.

    `config.beta` is meant for rows of one impression; it is scaled by the average number of impressions of a row,
    because a row of many impressions makes a step as large as theirs together.
    """
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
            tokenize=config.tokenize,
        )
    }
    if history:
        counts = [*history.counts, *history.click_svd]
        hashers[HISTORICAL] = RowHasher(
            categorical=history.categorical,
            counts=counts,
            bits=config.bits,
            listings=listings,
            tokenize=config.tokenize,
        )
    return {name: Part(learning, zn, hashers[name]) for name, zn in states.items()}
