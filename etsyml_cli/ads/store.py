"""A click model on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.ads.click_model import KIND, CtrModel
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.click_svd import ClickSvd, click_svd_of
from etsyml_cli.ads.features.text_svd import TextSvd
from etsyml_cli.ads.listing_features import Reductions, SideInputs, listing_features
from etsyml_cli.ads.model.blend import Blend
from etsyml_cli.ads.model.ftrl import state_of, used_slots
from etsyml_cli.ads.new_model import part_names, parts_with, read_feature_columns
from etsyml_cli.core.errors import InputError
from etsyml_cli.history.history import History, history_of
from etsyml_cli.io.artifact import Manifest, damaged_files, expect_kind
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.model import (
    CARD,
    METRICS,
    TENSORS,
    load_config,
    load_ids,
    load_json,
    load_tensors,
    save_config,
    save_ids,
    save_tensors,
)
from etsyml_cli.photos.reduced import load_matching_photos
from etsyml_cli.photos.svd import Svd

Tensors = dict[str, NDArray[Any]]

MADE_BY = "etsyml train ctr"
WORDS = "words"
HISTORY_SHAPES = {"keys": (None,), "counts": (None, 5), "today": (1,)} | {
    "recent.days": (None,),
    "recent.keys": (None,),
    "recent.sums": (None, 2),
}
CLICKS = {"keys": (None,), "clicks": (None,), "today": (1,), "fitted": (1,)} | {
    f"{side}{part}": shape for side in ("left", "right") for part, shape in ((".keys", (None,)), ("", (None, None)))
}


class TrainingRows(msgspec.Struct):
    """What `metrics.json` says of the rows that were learned from, as far as it is needed again."""

    base_rate: float


class LearnedFrom(msgspec.Struct):
    """The part of `metrics.json` that holds them."""

    train: TrainingRows


def save_model(directory: Path, model: CtrModel) -> None:
    """Only slots that have learned something are stored: a model of few features is a small file."""
    tensors: Tensors = {
        "blend": model.blend.weights,
        "platt": model.blend.platt,
        "row_size": np.array([model.row_size]),
    }
    for name, part in model.parts.items():
        tensors[f"{name}.slots"], tensors[f"{name}.zn"] = used_slots(part.zn)
    counted: list[History | ClickSvd] = [*model.histories, *model.clicks]
    for name, of_name in zip(_counted(model.config), counted, strict=True):
        tensors |= {f"{name}.{part}": values for part, values in of_name.tensors().items()}
    photos, words = model.listing_features.reductions.photos, model.listing_features.reductions.words
    if photos:
        tensors |= {"photos.mean": photos.mean, "photos.components": photos.components}
    if words:
        save_ids(directory, WORDS, words.words)
        tensors |= {"words.idf": words.idf, "words.components": words.components}
    save_tensors(directory, tensors)
    save_config(directory, model.config)


def side_inputs_of(directory: Path, listings: Path | None, images: Path | None) -> SideInputs:
    """What the model in `directory` needs beside a log. Raises InputError where it holds none, and as `photos_like`."""
    photos = load_matching_photos(manifest_of(directory).facts.get("photos"), images)
    return SideInputs(read_feature_columns(load_config(directory, CtrConfig), listings), photos)


@of_one_version
def load_model(directory: Path, side: SideInputs, seed: int = 0) -> CtrModel:
    """A trained model. Raises InputError where `directory` holds none, or a damaged one."""
    _expect_whole(directory)
    config: CtrConfig = load_config(directory, CtrConfig)
    tensors = load_tensors(directory, _shapes(config))
    try:
        states = {
            name: state_of(tensors[f"{name}.slots"], tensors[f"{name}.zn"], config.bits) for name in part_names(config)
        }
        counted = [_under(name, tensors) for name in _counted(config)]
        n_histories = len(config.history.counts) if config.history else 0
        row_size = float(tensors["row_size"][0])
        return CtrModel(
            config=config,
            row_size=row_size,
            parts=parts_with(config, row_size, states, side.listings),
            listing_features=listing_features(side, _reductions(directory, tensors), config),
            histories=[history_of(config.days, found) for found in counted[:n_histories]],
            clicks=[click_svd_of(config.svd_dim, found) for found in counted[n_histories:]],
            blend=Blend(tensors["blend"], tensors["platt"]),
            seed=seed,
        )
    except (IndexError, ValueError) as error:
        raise InputError(f"{directory / TENSORS}: {error}", hint="Train the model again with --force.") from None


def manifest_of(directory: Path) -> Manifest:
    """What the model in `directory` was made from. Raises InputError where none was trained."""
    return expect_kind(directory, KIND, made_by=MADE_BY)


def base_rate_of(directory: Path) -> float:
    """The click rate of what the model in `directory` learned last. Raises InputError for damaged figures."""
    learned: LearnedFrom = load_json(directory, METRICS, LearnedFrom)
    return learned.train.base_rate


def _expect_whole(directory: Path) -> None:
    """Files of another model would mostly load and score nonsense."""
    damaged = [name for name in damaged_files(directory, manifest_of(directory)) if name != CARD]
    if damaged:
        raise InputError(
            f"{directory / damaged[0]}: missing, or not the file that was written with the others",
            hint="Train the model again with --force.",
        )


def _counted(config: CtrConfig) -> list[str]:
    """Names for the tensors of what is counted: the histories, then the click matrices."""
    if config.history is None:
        return []
    return [f"count.{'*'.join(columns)}" for columns in config.history.counts] + [
        f"svd.{'*'.join(columns)}" for columns in config.history.click_svd
    ]


def _shapes(config: CtrConfig) -> dict[str, tuple[int | None, ...]]:
    names = part_names(config)
    shapes: dict[str, tuple[int | None, ...]] = {"blend": (len(names) + 2,), "platt": (2,), "row_size": (1,)}
    for name in names:
        shapes |= {f"{name}.slots": (None,), f"{name}.zn": (None, 2)}
    for name in _counted(config):
        parts = CLICKS if name.startswith("svd.") else HISTORY_SHAPES
        shapes |= {f"{name}.{part}": shape for part, shape in parts.items()}
    return shapes


def _under(name: str, tensors: Tensors) -> Tensors:
    """The tensors of one thing that is counted, by their own names."""
    return {key.removeprefix(f"{name}."): values for key, values in tensors.items() if key.startswith(f"{name}.")}


def _reductions(directory: Path, tensors: Tensors) -> Reductions:
    photos = words = None
    if "photos.mean" in tensors:
        photos = Svd(tensors["photos.mean"], tensors["photos.components"], np.nan)
    if "words.idf" in tensors:
        words = TextSvd(load_ids(directory, WORDS), tensors["words.idf"], tensors["words.components"])
    return Reductions(photos, words)
