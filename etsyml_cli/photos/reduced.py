"""Photo features reduced by an SVD that is stored with a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.rng import generator
from etsyml_cli.core.types import I64
from etsyml_cli.core.vectors import unit_rows
from etsyml_cli.photos.store import ImageFeatures, made_by, read_image_features
from etsyml_cli.photos.svd import Svd, fit_svd

PHOTOS_FOR_SVD = 50_000
ROWS_AT_ONCE = 4096


def load_matching_photos(trained_on: str | None, images: Path | None) -> ImageFeatures | None:
    """The photo features `images` for a model that was trained on features of the origin `trained_on`.

    None if `trained_on` is None. Raises InputError if `images` is missing or of another origin.
    """
    if trained_on is None:
        return None
    if images is None:
        raise InputError(
            f"the model needs photo features of {trained_on}, but --images is missing",
            hint="Give them with --images, or train without photos.",
        )
    photos = read_image_features(images)
    if (origin := made_by(photos.facts)) != trained_on:
        raise InputError(
            f"{images}: photo features of {origin}; the model was trained on {trained_on}",
            hint="Give matching features with --images, or train again.",
        )
    return photos


def photo_svd(photos: ImageFeatures | None, dim: int) -> Svd | None:
    """The SVD with `dim` components, fitted on up to PHOTOS_FOR_SVD photos evenly spaced over the file.

    None without photos, or if there are at most `dim` features or photos. Raises DataError as `fit_svd` does.
    """
    if photos is None or photos.matrix.shape[1] <= dim or len(photos.ids) <= dim:
        return None
    rows = np.unique(np.linspace(0, len(photos.ids) - 1, min(PHOTOS_FOR_SVD, len(photos.ids))).astype(np.int64))
    pieces = (unit_rows(photos.matrix[rows[i : i + ROWS_AT_ONCE]]) for i in range(0, len(rows), ROWS_AT_ONCE))
    try:
        return fit_svd(pieces, dim)
    except DataError as error:
        raise DataError(
            error.message, hint="Set a smaller photo_dim, 0 for no photos, or extract them again."
        ) from None


def reduced_width(photos: ImageFeatures, svd: Svd | None) -> int:
    """The number K of dimensions of a reduced photo."""
    return int(photos.matrix.shape[1]) if svd is None else len(svd.components)


def reduced(photos: ImageFeatures, photo: I64, svd: Svd | None) -> NDArray[np.float64]:
    """The reduced rows `photo`, (P,), scaled to length 1, shape (P, K); zeros for -1, a missing photo."""
    z = np.zeros((len(photo), reduced_width(photos, svd)))
    has = np.flatnonzero(photo >= 0)
    for start in range(0, len(has), ROWS_AT_ONCE):
        piece = has[start : start + ROWS_AT_ONCE]
        rows = unit_rows(photos.matrix[photo[piece]])
        z[piece] = unit_rows(rows if svd is None else svd.project(rows))
    return z


def shuffle_photos(photos: ImageFeatures, listing_ids: list[str], seed: int, number: int) -> NDArray[np.int64]:
    """The row of a photo for each listing, shape (I,), shuffled among the listings with a photo; -1 without one."""
    shuffled = np.append(generator(seed, "permuted photos", number).permutation(len(photos.ids)), -1)
    return shuffled[photos.rows_for(listing_ids)]
