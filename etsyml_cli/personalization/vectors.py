"""Vectors of listings, for recommenders that compare their photos or texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F32
from etsyml_cli.core.vectors import unit_rows
from etsyml_cli.photos.store import read_image_features
from etsyml_cli.similar.photos import photos_of, sketches
from etsyml_cli.text.listings import read_listings, shown_listings
from etsyml_cli.text.text_svd import fit_text_svd

TEXT_DIM = 96


def photo_vectors(images: Path, listing_ids: list[str]) -> F32 | None:
    """The photo features of I listings, reduced to at most 128 dimensions, (I, D).

    Rows have length 1, or 0 without a photo. None if no listing has a photo. Raises InputError if the features are
    damaged, DataError if one is not a finite number.
    """
    features = read_image_features(images)
    row = features.rows_for(listing_ids)
    if (row < 0).all():
        logger.warning("%s: no photo of a favorited listing, so photos are not used", images)
        return None
    return unit_rows(np.concatenate(list(sketches(photos_of(features.matrix, row)))))


def text_vectors(listings: Path, listing_ids: list[str]) -> F32 | None:
    """The words of titles and tags of I listings, reduced to at most TEXT_DIM dimensions, (I, D).

    Rows have length 1, or 0 without a word that occurs in two listings. None if there are no such words.
    """
    shown = shown_listings(read_listings(listings, "auto"), listing_ids)
    texts = [[*title, *tags] for title, tags in zip(shown.title_words, shown.tag_words, strict=True)]
    svd = fit_text_svd(texts, TEXT_DIM)
    return None if svd is None else svd.project(texts)
