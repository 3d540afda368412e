"""A click model on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.ads.click_model import KIND, CtrModel
from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.click_svd import ClickSvd, click_svd_of
from etsyml_cli.ads.features.derived.add import DerivedColumns
from etsyml_cli.ads.figures import StoredFigures
from etsyml_cli.ads.listing_features import Reductions, listing_features
from etsyml_cli.ads.log.log import CLICKED, IMPRESSIONS, SEARCHES
from etsyml_cli.ads.model.blend import Blend
from etsyml_cli.ads.model.ftrl import state_of, used_slots
from etsyml_cli.ads.new_model import part_names, parts_with
from etsyml_cli.ads.side_inputs import SideInputs, read_feature_columns
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
from etsyml_cli.text.text_svd import TextSvd
from etsyml_cli.text.tokenize import WORDS_VERSION

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


class Origin(NamedTuple):
    """The data that a model was trained on: table (`source`), label, options and seed."""

    source: str
    label: str
    limit: int | None
    train_days: int | None
    seed: int


def save_model(directory: Path, model: CtrModel) -> None:
    """Save a model. Only slots in use are stored, so a model with few features is a small file."""
    tensors: Tensors = {
        "blend": model.blend.weights,
        "platt": model.blend.platt,
        "row_size": np.array([model.row_size]),
    }
    for name, part in model.parts.items():
        tensors[f"{name}.slots"], tensors[f"{name}.zn"] = used_slots(part.zn)
    counted: list[History | ClickSvd] = [*model.histories, *model.clicks]
    for name, of_name in zip(_count_names(model.config), counted, strict=True):
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
    """The listings and photos of the model in `directory`. Raises InputError if photos do not match."""
    photos = load_matching_photos(manifest_of(directory).facts.get("photos"), images)
    return SideInputs(read_feature_columns(load_config(directory, CtrConfig), listings), photos)


@of_one_version
def load_model(directory: Path, side: SideInputs, seed: int = 0) -> CtrModel:
    """Load a model. Raises InputError if `directory` has no model or a damaged one."""
    _check_files(directory)
    config: CtrConfig = load_config(directory, CtrConfig)
    tensors = load_tensors(directory, _shapes(config))
    try:
        states = {
            name: state_of(tensors[f"{name}.slots"], tensors[f"{name}.zn"], config.bits) for name in part_names(config)
        }
        counted = [_under(name, tensors) for name in _count_names(config)]
        n_histories = len(config.history.counts) if config.history else 0
        row_size = float(tensors["row_size"][0])
        return CtrModel(
            config=config,
            row_size=row_size,
            parts=parts_with(config, row_size, states, side.listings),
            derived=DerivedColumns(config.columns(), side.listings),
            listing_features=listing_features(side, _reductions(directory, tensors), config),
            histories=[history_of(config.days, of_name) for of_name in counted[:n_histories]],
            clicks=[click_svd_of(config.svd_dim, of_name) for of_name in counted[n_histories:]],
            blend=Blend(tensors["blend"], tensors["platt"]),
            seed=seed,
        )
    except (IndexError, ValueError) as error:
        raise InputError(f"{directory / TENSORS}: {error}", hint="Train the model again with --force.") from None


def manifest_of(directory: Path) -> Manifest:
    """The manifest of the model in `directory`. Raises InputError if there is no click model."""
    return expect_kind(directory, KIND, made_by=MADE_BY, format_version=WORDS_VERSION)


def base_rate_of(directory: Path) -> float:
    """The click rate of the rows that the model was trained on last. Raises InputError if `metrics.json` is damaged."""
    return figures_of(directory).train.base_rate


def figures_of(directory: Path) -> StoredFigures:
    """The figures of the training. Raises InputError if `metrics.json` is damaged."""
    figures: StoredFigures = load_json(directory, METRICS, StoredFigures)
    return figures


def origin_of(directory: Path) -> Origin:
    """The data that the model in `directory` was trained on. Raises InputError if there is no click model."""
    plan = manifest_of(directory).plan
    return Origin(
        source=SEARCHES if SEARCHES in plan.inputs else IMPRESSIONS,
        label=plan.config.get("label", CLICKED),
        limit=plan.config.get("limit"),
        train_days=plan.config.get("train_days"),
        seed=plan.seed or 0,
    )


def _check_files(directory: Path) -> None:
    """Check the files' hashes: files of another model would often load, and give wrong scores."""
    damaged = [name for name in damaged_files(directory, manifest_of(directory)) if name != CARD]
    if damaged:
        raise InputError(
            f"{directory / damaged[0]}: missing, or changed since training",
            hint="Train the model again with --force.",
        )


def _count_names(config: CtrConfig) -> list[str]:
    """Names of the tensors of the histories, then of the click matrices."""
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
    for name in _count_names(config):
        parts = CLICKS if name.startswith("svd.") else HISTORY_SHAPES
        shapes |= {f"{name}.{part}": shape for part, shape in parts.items()}
    return shapes


def _under(name: str, tensors: Tensors) -> Tensors:
    """The tensors whose names begin with `name` and a dot, without that prefix."""
    return {key.removeprefix(f"{name}."): values for key, values in tensors.items() if key.startswith(f"{name}.")}


def _reductions(directory: Path, tensors: Tensors) -> Reductions:
    photos = words = None
    if "photos.mean" in tensors:
        photos = Svd(tensors["photos.mean"], tensors["photos.components"], np.nan)
    if "words.idf" in tensors:
        words = TextSvd(load_ids(directory, WORDS), tensors["words.idf"], tensors["words.components"])
    return Reductions(photos, words)
