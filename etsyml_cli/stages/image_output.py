"""From the rows of distinct photos to the features of listings: averaged, reduced, normalized, written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import logger
from etsyml_cli.features.images_config import ImagesConfig
from etsyml_cli.features.photos import REASONS
from etsyml_cli.features.svd import Svd, fit_svd, normalized
from etsyml_cli.io.artifact import Draft, sha256_of
from etsyml_cli.io.features import FEATURES, IDS, REJECTS, SVD, PhotoRows, write_matrix
from etsyml_cli.io.model import load_tensors, save_ids, save_tensors
from etsyml_cli.stages.image_inputs import Ints, NamedPhotos, PhotoIndex

LISTINGS_AT_ONCE = 1024


def write_features(
    draft: Draft, rows: PhotoRows, photos: NamedPhotos, index: PhotoIndex, config: ImagesConfig, fitted: Path | None
) -> None:
    """Write features, ids and rejects, and count it all; with `dim`, reduce by the SVD in `fitted` or by a new one."""
    status = _status_of_named(rows.status, index)
    reasons = _write_rejects(draft.path / REJECTS, photos, status)
    if (status != 0).all():
        raise DataError(
            f"{photos.root}: none of {len(status):,} photos could be read ({_in_words(reasons)})",
            hint="Is this the right folder? Name it with: etsyml ingest listings --image-root DIR",
        )
    if reasons:
        n_rejected = f"{reasons.total():,}"
        logger.warning("%s of %s photos could not be read: %s", n_rejected, f"{len(status):,}", _in_words(reasons))
    listings, row_of_photo, n_photos = _sound_photos(rows.status, photos, index, status)
    blocks = _MeansOfPhotos(rows, row_of_photo, n_photos)
    svd = _svd(blocks, config.dim, fitted, rows.dimension)
    draft.facts |= {"svd_sha256": None} if svd is None else _save_svd(draft.path, svd)
    shape = (len(listings), config.dim or rows.dimension)
    write_matrix(draft.path / FEATURES, _finished(blocks, svd, config), shape, config.dtype)
    save_ids(draft.path, IDS, photos.listing_ids.take(listings).to_pylist())
    rows.remove()
    draft.facts |= {
        "dimension": shape[1],
        "normalize": config.normalize,
        "photos": {"named": len(status), "distinct": len(index.first)},
        "rejects": dict(reasons),
    }
    with_photo = len(np.unique(photos.listing))
    draft.rows = {
        "in": len(photos.listing_ids),
        "out": len(listings),
        "rejected": with_photo - len(listings),
        "without_photo": len(photos.listing_ids) - with_photo,
    }


def _status_of_named(status: NDArray[np.int8], index: PhotoIndex) -> NDArray[np.int8]:
    """The status (N,) of every named photo, from that of the distinct ones (M,)."""
    of_named = index.status.copy()
    opened = index.status == 0
    of_named[opened] = status[index.distinct[opened]]
    return of_named


def _write_rejects(path: Path, photos: NamedPhotos, status: NDArray[np.int8]) -> Counter[str]:
    """One line for each named photo that could not be read; how many there are of each reason."""
    reasons: Counter[str] = Counter()
    with path.open("wb") as file:
        for n in np.flatnonzero(status):
            reason = REASONS[status[n] - 1]
            listing_id = photos.listing_ids[photos.listing[n]].as_py()
            reject = {"listing_id": listing_id, "image": photos.images[n].as_py(), "reason": reason}
            file.write(msgspec.json.encode(reject) + b"\n")
            reasons[reason] += 1
    return reasons


def _in_words(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))


def _sound_photos(
    distinct_status: NDArray[np.int8], photos: NamedPhotos, index: PhotoIndex, status: NDArray[np.int8]
) -> tuple[Ints, Ints, Ints]:
    """Listings with a sound photo (I',), the row of each such photo (N',), and how many of them a listing has (I',)."""
    row_of_distinct = np.cumsum(distinct_status == 0) - 1
    sound = status == 0
    listings, n_photos = np.unique(photos.listing[sound], return_counts=True)
    return listings, row_of_distinct[index.distinct[sound]], n_photos


class _MeansOfPhotos:
    """The mean of each listing's photos, in blocks (LISTINGS_AT_ONCE, D); can be gone through more than once."""

    def __init__(self, rows: PhotoRows, row_of_photo: Ints, n_photos: Ints) -> None:
        self._rows = rows
        self._row_of_photo = row_of_photo
        self._first = np.concatenate([[0], np.cumsum(n_photos)])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(self._first) - 1, LISTINGS_AT_ONCE):
            first = self._first[start : start + LISTINGS_AT_ONCE + 1]
            rows = self._rows.take(self._row_of_photo[first[0] : first[-1]])
            sums = np.add.reduceat(rows, first[:-1] - first[0], axis=0, dtype=np.float64)
            yield (sums / np.diff(first)[:, None]).astype(np.float32)


def _svd(blocks: Iterable[NDArray[np.float32]], dim: int | None, fitted: Path | None, dimension: int) -> Svd | None:
    if dim is None:
        return None
    return fit_svd(blocks, dim) if fitted is None else _load_svd(fitted, dim, dimension)


def _save_svd(directory: Path, svd: Svd) -> dict[str, Any]:
    """Write it beside the features; the facts that tell it from another."""
    tensors = {"mean": svd.mean, "components": svd.components, "explained": np.array([svd.explained])}
    save_tensors(directory, tensors, SVD)
    return {"svd_sha256": sha256_of(directory / SVD), "variance_kept": svd.explained}


def _load_svd(directory: Path, dim: int, dimension: int) -> Svd:
    shapes = {"mean": (dimension,), "components": (dim, dimension), "explained": (1,)}
    tensors = load_tensors(directory, shapes, SVD, hint="Fit it anew with --force.")
    return Svd(tensors["mean"], tensors["components"], float(tensors["explained"][0]))


def _finished(blocks: Iterable[NDArray[np.float32]], svd: Svd | None, config: ImagesConfig) -> Iterator[NDArray[Any]]:
    for rows in blocks:
        if svd is not None:
            rows = svd.project(rows)
        if config.normalize:
            rows = normalized(rows)
        with np.errstate(over="ignore"):
            finished = rows.astype(config.dtype)
        if not np.isfinite(finished).all():
            raise DataError(f"some features are too large for {config.dtype}", hint="Use dtype float32 or normalize.")
        yield finished
