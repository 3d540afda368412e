"""The trained search ranker on disk, and what it makes of listings, queries and photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from etsyml_cli.core.errors import InputError
from etsyml_cli.features.text import OVERLAP_FEATURES, Vocabulary, count_words, overlap, unigrams
from etsyml_cli.io.artifact import Manifest, expect_kind
from etsyml_cli.io.features import ImageFeatures, made_by, read_image_features
from etsyml_cli.io.model import load_ids, load_tensors, save_ids, save_tensors
from etsyml_cli.models.ltr.blocks import photo_block
from etsyml_cli.models.ltr.score import OVERLAP, Weights, variants_of
from etsyml_cli.stages.ltr_inputs import Ints, Listings, SearchLog, shown_listings

KIND = "model:ltr"


@dataclass(frozen=True)
class LtrModel:
    """The vocabulary and, for each variant that was trained (see `variants_of`), the weights of its blocks."""

    vocabulary: Vocabulary
    weights: dict[str, Weights]


@dataclass(frozen=True)
class RankingFeatures:
    """What variants score: blocks of listing features, (I, D) each, and the overlap of N rows, (N, 3)."""

    blocks: dict[str, LinearOperator]
    overlap: NDArray[np.float64]


def log_features(
    vocabulary: Vocabulary, catalogue: Listings, photos: ImageFeatures | None, log: SearchLog
) -> RankingFeatures:
    """The features of the listings that a log shows, and of its N rows."""
    code = {query: number for number, query in enumerate(dict.fromkeys(log.queries))}
    query_of_page = np.array([code[query] for query in log.queries], dtype=np.int64)
    shown = shown_listings(catalogue, log.listing_ids)
    return _features(vocabulary, shown, photos, list(code), query_of_page[log.page_of_row()], log.listing)


def query_features(
    vocabulary: Vocabulary, listings: Listings, photos: ImageFeatures | None, query: str
) -> RankingFeatures:
    """The features of I listings, and of I rows that show each of them for one query."""
    n = len(listings.ids)
    return _features(vocabulary, listings, photos, [query], np.zeros(n, dtype=np.int64), np.arange(n))


def save_model(directory: Path, model: LtrModel) -> None:
    """Write the weights and the vocabulary into a model's directory."""
    vocabulary = model.vocabulary
    save_ids(directory, "words", vocabulary.words)
    tensors = {
        "document_frequency": vocabulary.document_frequency,
        "n_listings": np.array([vocabulary.n_listings]),
        "mean_length": np.array([vocabulary.mean_length]),
    }
    for variant, weights in model.weights.items():
        tensors |= {f"{variant}.{block}": w for block, w in weights.items()}
    save_tensors(directory, tensors)


def load_model(directory: Path) -> LtrModel:
    """The ranker in `directory`. Raises InputError where none was trained or a file is damaged."""
    manifest = manifest_of(directory)
    words = load_ids(directory, "words")
    variants = variants_of({"text", "image"} if manifest.plan.inputs.get("images") else {"text"})
    n_weights = {OVERLAP: len(OVERLAP_FEATURES), "text": len(words), "image": None}
    shapes = {f"{variant}.{block}": (n_weights[block],) for variant, blocks in variants.items() for block in blocks}
    shapes |= {"document_frequency": (len(words),), "n_listings": (1,), "mean_length": (1,)}
    tensors = load_tensors(directory, shapes)
    vocabulary = Vocabulary(
        words,
        tensors["document_frequency"],
        int(tensors["n_listings"][0]),
        float(tensors["mean_length"][0]),
    )
    weights = {
        variant: {block: tensors[f"{variant}.{block}"] for block in blocks} for variant, blocks in variants.items()
    }
    return LtrModel(vocabulary, weights)


def manifest_of(directory: Path) -> Manifest:
    """What the model in `directory` was made from. Raises InputError where none was trained."""
    return expect_kind(directory, KIND, made_by="etsyml train ltr")


def photos_for(directory: Path, images: Path | None) -> ImageFeatures | None:
    """Photo features for the model in `directory`; None where it was trained without.

    Raises InputError where `images` were made by anything else than what it was trained on.
    """
    trained_on = manifest_of(directory).facts["photos"]
    if trained_on is None:
        return None
    if images is None:
        raise InputError(
            f"the model was trained on photo features of {trained_on}, none were given",
            hint="Name them with --images, or train without them.",
        )
    photos = read_image_features(images)
    if (found := made_by(photos.facts)) != trained_on:
        raise InputError(
            f"{images}: photo features of {found}; the model was trained on {trained_on}",
            hint="Name such features with --images, or train again: etsyml train ltr",
        )
    return photos


def _features(
    vocabulary: Vocabulary,
    listings: Listings,
    photos: ImageFeatures | None,
    queries: list[str],
    query_of_row: Ints,
    listing_of_row: Ints,
) -> RankingFeatures:
    words = count_words(listings.title_words, listings.tag_words)
    blocks = {"text": aslinearoperator(unigrams(words, vocabulary))}
    if photos is not None:
        blocks["image"] = photo_block(photos.matrix, photos.rows_for(listings.ids))
    return RankingFeatures(blocks, overlap(words, vocabulary, queries, query_of_row, listing_of_row))
