"""The search ranker on disk: the state of its features and the weights of each variant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import MANIFEST, Manifest, expect_kind, facts_of, read_manifest
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.model import load_config, load_ids, load_tensors, save_config, save_ids, save_tensors
from etsyml_cli.photos.reduced import load_matching_photos
from etsyml_cli.photos.store import ImageFeatures
from etsyml_cli.photos.svd import Svd
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.features import FeatureState
from etsyml_cli.search.model.score import OVERLAP, Weights
from etsyml_cli.text.terms import Terms
from etsyml_cli.text.tokenize import WORDS_VERSION
from etsyml_cli.text.words import OVERLAP_FEATURES, Vocabulary

KIND = "model:ltr"
ROWS_KIND = "model:ltr-rows"  # a ranker that `train ltr --features` trained
CONTROL = "permuted"
SEPARATOR = "."


class LtrFacts(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename={"valid_ndcg": "valid_ndcg@10"}):
    """The facts in the manifest of a ranker of listings.

    `photos` describes the origin of the photo features, `blocks` names the blocks with weights per variant and
    control, `valid_ndcg` is the nDCG@10 per variant on the validation pages, and `examination` the examination
    probability per position, relative to the top.
    """

    shape: str
    photos: str | None
    blocks: dict[str, list[str]]
    valid_ndcg: dict[str, float | None] = {}
    examination: dict[str, float] = {}


@dataclass(frozen=True)
class LtrModel:
    """The state of the features, the weights of each variant, and those of each control, trained on shuffled photos."""

    state: FeatureState
    variants: dict[str, Weights]
    controls: list[Weights]


def save_model(directory: Path, model: LtrModel) -> None:
    """Write a ranker into the directory of a model."""
    state, vocabulary = model.state, model.state.vocabulary
    save_config(directory, state.config)
    save_ids(directory, "words", vocabulary.words)
    save_ids(directory, "query_words", state.query_words)
    save_ids(directory, "own_queries", sorted(state.own_queries))
    if state.terms.names is not None:
        save_ids(directory, "terms", state.terms.names)
    tensors: dict[str, NDArray[Any]] = {
        "document_frequency": vocabulary.document_frequency,
        "n_listings": np.array([vocabulary.n_listings]),
        "mean_length": np.array([vocabulary.mean_length]),
        "idf": state.terms.idf,
        "pairs": state.pairs,
    }
    if state.svd is not None:
        tensors |= {"svd_mean": state.svd.mean, "svd_components": state.svd.components}
    for variant, weights in _all_weights(model).items():
        tensors |= {f"{variant}{SEPARATOR}{block}": w for block, w in weights.items()}
    save_tensors(directory, tensors)


@of_one_version
def load_model(directory: Path) -> LtrModel:
    """The ranker in `directory`. Raises InputError if there is none or a file is damaged."""
    facts = ltr_facts(directory)
    config: LtrConfig = load_config(directory, LtrConfig)
    words, query_words = load_ids(directory, "words"), load_ids(directory, "query_words")
    names = None if config.text.hash_bits else load_ids(directory, "terms")
    shapes: dict[str, tuple[int | None, ...]] = {
        "document_frequency": (len(words),),
        "n_listings": (1,),
        "mean_length": (1,),
        "idf": (None if names is None else len(names),),
        "pairs": (None,),
    }
    shapes |= {f"{variant}{SEPARATOR}{block}": (None,) for variant, blocks in facts.blocks.items() for block in blocks}
    tensors = load_tensors(directory, shapes)
    svd = Svd(tensors["svd_mean"], tensors["svd_components"], np.nan) if "svd_mean" in tensors else None
    state = FeatureState(
        config,
        Vocabulary(
            words, tensors["document_frequency"], int(tensors["n_listings"][0]), float(tensors["mean_length"][0])
        ),
        Terms(tensors["idf"], names),
        query_words,
        frozenset(load_ids(directory, "own_queries")),
        tensors["pairs"],
        svd,
    )
    weights = {
        variant: {block: tensors[f"{variant}{SEPARATOR}{block}"] for block in blocks}
        for variant, blocks in facts.blocks.items()
    }
    _expect_fitting(directory, state, weights)
    controls = [weights.pop(name) for name in sorted(weights) if name.startswith(CONTROL)]
    return LtrModel(state, weights, controls)


def blocks_in(model: LtrModel) -> dict[str, list[str]]:
    """The names of the blocks with weights, per variant and per control."""
    return {variant: list(weights) for variant, weights in _all_weights(model).items()}


def manifest_of(directory: Path) -> Manifest:
    """The manifest of the ranker in `directory`. Raises InputError if there is none or it ranks feature rows."""
    if kind_of(directory) == ROWS_KIND:
        raise InputError(
            f"{directory} was trained on feature rows, not on listings",
            hint=f"Rank feature rows with: etsyml rank --features FILE --model {directory}",
        )
    made_by = "etsyml train ltr"
    if expect_kind(directory, KIND, made_by=made_by).facts.get("shape") == "features":
        raise InputError(
            f"{directory} was trained on feature rows by an older version of etsyml",
            hint="Train it again with: etsyml train ltr --features FILE",
        )
    return expect_kind(directory, KIND, made_by=made_by, format_version=WORDS_VERSION)


def rows_manifest_of(directory: Path) -> Manifest:
    """The manifest of the ranker of feature rows in `directory`. Raises InputError if it is another model."""
    made_by = "etsyml train ltr --features FILE"
    if kind_of(directory) == KIND:
        manifest_of(directory)  # raises if an older version trained it on feature rows
        raise InputError(
            f"{directory} was trained on listings, not on feature rows", hint=f"Train another model with: {made_by}"
        )
    return expect_kind(directory, ROWS_KIND, made_by=made_by)


def kind_of(directory: Path) -> str | None:
    """The kind of the artifact in `directory`, None if it is not an artifact."""
    return read_manifest(directory).plan.kind if (directory / MANIFEST).is_file() else None


def ltr_facts(directory: Path) -> LtrFacts:
    """The facts of the ranker in `directory`. Raises InputError if there is none or its manifest is damaged."""
    return facts_of(manifest_of(directory), LtrFacts, directory)


def photos_for(directory: Path, images: Path | None) -> ImageFeatures | None:
    """The photo features for the model in `directory`, or None if it was trained without photos.

    Raises InputError as `load_matching_photos` does.
    """
    return load_matching_photos(ltr_facts(directory).photos, images)


def _all_weights(model: LtrModel) -> dict[str, Weights]:
    return model.variants | {f"{CONTROL}-{number}": weights for number, weights in enumerate(model.controls)}


def _expect_fitting(directory: Path, state: FeatureState, weights: dict[str, Weights]) -> None:
    """Raise InputError if a block has another number of weights than of features; photos are checked when loaded."""
    widths = {OVERLAP: len(OVERLAP_FEATURES), "text": state.terms.width, "word_crosses": len(state.pairs)}
    for variant, of_block in weights.items():
        for block, w in of_block.items():
            if len(w) != widths.get(block, len(w)):
                raise InputError(
                    f"{directory}: {variant}{SEPARATOR}{block} does not fit the other files of the model",
                    hint="Train the model again with --force.",
                )
