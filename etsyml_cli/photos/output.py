"""Average, reduce, normalize and write the features of listings from the rows of distinct photos."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import I64
from etsyml_cli.core.vectors import unit_rows_in_double
from etsyml_cli.io.artifact import Draft
from etsyml_cli.io.atomic import sha256_of
from etsyml_cli.io.model import load_tensors, save_ids, save_tensors
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.inputs import Photos
from etsyml_cli.photos.reader import STATUSES
from etsyml_cli.photos.store import FEATURES, IDS, REJECTS, SVD, PhotoRows, write_matrix
from etsyml_cli.photos.svd import Svd, fit_svd

LISTINGS_AT_ONCE = 1024
ENDINGS = {"unsupported HEIC": "*.hei[cf]", "unsupported AVIF": "*.avif", "unsupported TIFF": "*.tif*"}


class PhotoCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The number of photos named in the listings table, and of distinct ones among those that can be opened.

    `renamed` counts photos that were found under another name, for example in another Unicode form.
    """

    named: int
    distinct: int
    renamed: int = 0


class OutputFacts(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The facts about written features; `variance_kept` is set if an SVD was fitted, `rejects` counts by reason."""

    variance_kept: float | None = None
    dimension: int
    normalize: bool
    svd_sha256: str | None
    photos: PhotoCounts
    rejects: dict[str, int]


def write_features(
    draft: Draft, rows: PhotoRows, photos: Photos, config: ImagesConfig, fitted: Svd | None
) -> OutputFacts:
    """Write features, ids and rejects, set the row counts of `draft`, and return the facts.

    With `dim` the features are reduced by the SVD `fitted` or, if that is None, by a new one.
    """
    distinct_status = rows.status()
    status = _status_of_named(distinct_status, photos)
    reasons = _write_rejects(draft.path / REJECTS, photos, status)
    report_rejects(reasons, photos)
    listings, row_of_photo, n_photos = _sound_photos(distinct_status, status, photos)
    svd, variance_kept = fitted, None
    if config.dim is not None and svd is None:
        svd = fit_svd(_means(rows, row_of_photo, n_photos), config.dim)
        variance_kept = svd.explained
    blocks = _finished(_means(rows, row_of_photo, n_photos), svd, config)
    shape = (len(listings), config.dim or rows.dimension)
    write_matrix(draft.path / FEATURES, blocks, shape, config.dtype)
    save_ids(draft.path, IDS, photos.listing_ids.take(listings).to_pylist())
    if svd is not None:
        _save_svd(draft.path, svd)
    draft.rows = {
        "in": len(photos.listing_ids),
        "out": len(listings),
        "rejected": photos.n_listings() - len(listings),
        "without_photo": len(photos.listing_ids) - photos.n_listings(),
    }
    return OutputFacts(
        variance_kept=variance_kept,
        dimension=shape[1],
        normalize=config.normalize,
        svd_sha256=sha256_of(draft.path / SVD) if svd else None,
        photos=PhotoCounts(len(status), len(photos.first), photos.n_renamed),
        rejects=dict(reasons),
    )


def report_rejects(reasons: Counter[str], photos: Photos) -> None:
    """Warn of photos that cannot be read. Raises DataError if no photo can be read."""
    n_photos = len(photos.images)
    if photos.n_renamed:
        logger.info("%s of %s photos were found under another name", f"{photos.n_renamed:,}", f"{n_photos:,}")
    counts = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    if reasons.total() == n_photos:
        raise DataError(
            f"{photos.root}: none of {n_photos:,} photos could be read ({counts}), such as {photos.images[0]}",
            hint="Set the directory of the photos with: etsyml ingest listings FILE --image-root DIR"
            if "missing" in reasons
            else _conversion(reasons, photos.root),
        )
    if reasons:
        logger.warning("%s of %s photos could not be read: %s", f"{reasons.total():,}", f"{n_photos:,}", counts)
        if how := _conversion(reasons, photos.root):
            logger.warning("%s", how)


def _conversion(reasons: Counter[str], root: Path) -> str | None:
    """How to convert photos of the kinds that cannot be read; None if there are none."""
    kinds = [ENDINGS[reason] for reason in ENDINGS if reason in reasons]
    if not kinds:
        return None
    names = " -o ".join(f"-iname '{ending}'" for ending in kinds)
    return (
        "Convert them in place with ImageMagick (keep a copy; a JPEG may keep its old name): "
        f"find {shlex.quote(str(root))} \\( {names} \\) -exec magick '{{}}[0]' 'jpg:{{}}' \\;"
    )


def load_svd(directory: Path) -> Svd:
    """The SVD in the directory of the features. Raises InputError if it is damaged."""
    shapes = {"mean": (None,), "components": (None, None), "explained": (1,)}
    tensors = load_tensors(directory, shapes, SVD, hint="Fit it again with --force.")
    return Svd(tensors["mean"], tensors["components"], float(tensors["explained"][0]))


def _save_svd(directory: Path, svd: Svd) -> None:
    tensors = {"mean": svd.mean, "components": svd.components, "explained": np.array([svd.explained])}
    save_tensors(directory, tensors, SVD)


def _status_of_named(distinct_status: NDArray[np.int8], photos: Photos) -> NDArray[np.int8]:
    """The status (N,) of every named photo from the status (M,) of the distinct ones."""
    status = photos.status.copy()
    opened = status == 0
    status[opened] = distinct_status[photos.distinct[opened]]
    return status


def _write_rejects(path: Path, photos: Photos, status: NDArray[np.int8]) -> Counter[str]:
    """Write a line per named photo that could not be read and return their number per reason."""
    reasons: Counter[str] = Counter()
    with path.open("wb") as file:
        for n in np.flatnonzero(status):
            reason = STATUSES[status[n]]
            listing_id = photos.listing_ids[photos.listing[n]].as_py()
            reject = {"listing_id": listing_id, "image": photos.images[n].as_py(), "reason": reason}
            file.write(msgspec.json.encode(reject) + b"\n")
            reasons[reason] += 1
    return reasons


def _sound_photos(distinct_status: NDArray[np.int8], status: NDArray[np.int8], photos: Photos) -> tuple[I64, I64, I64]:
    """Listings with a readable photo (I',), the rows of these photos (N',), and their number per listing (I',).

    A photo that a listing has under two names counts once.
    """
    row_of_distinct = np.cumsum(distinct_status == 0) - 1
    sound = status == 0
    pairs = np.unique(np.column_stack([photos.listing[sound], row_of_distinct[photos.distinct[sound]]]), axis=0)
    listings, n_photos = np.unique(pairs[:, 0], return_counts=True)
    return listings, pairs[:, 1], n_photos


def _means(rows: PhotoRows, row_of_photo: I64, n_photos: I64) -> Iterator[NDArray[np.float32]]:
    """The mean of each listing's photos, in blocks (LISTINGS_AT_ONCE, D)."""
    first = np.concatenate([[0], np.cumsum(n_photos)])
    for start in range(0, len(n_photos), LISTINGS_AT_ONCE):
        edges = first[start : start + LISTINGS_AT_ONCE + 1]
        block = rows.take(row_of_photo[edges[0] : edges[-1]])
        sums = np.add.reduceat(block, edges[:-1] - edges[0], axis=0, dtype=np.float64)
        yield (sums / np.diff(edges)[:, None]).astype(np.float32)


def _finished(blocks: Iterable[NDArray[np.float32]], svd: Svd | None, config: ImagesConfig) -> Iterator[NDArray[Any]]:
    """The blocks to write: reduced, scaled to length 1 and converted to `dtype`, as configured."""
    for rows in blocks:
        reduced = rows if svd is None else svd.project(rows)
        scaled = unit_rows_in_double(reduced).astype(np.float32) if config.normalize else reduced
        with np.errstate(over="ignore"):
            finished = scaled.astype(config.dtype)
        if not np.isfinite(finished).all():
            raise DataError(f"some features are too large for {config.dtype}", hint="Use dtype float32 or normalize.")
        yield finished
