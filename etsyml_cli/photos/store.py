"""Photo features on disk: `features.npy` (I listings x D features), `ids.json`, `rejects.jsonl`.

If the features were reduced, `svd.safetensors` holds the mean and the components.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.lib.format import dtype_to_descr, open_memmap, write_array_header_1_0
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import expect_kind, facts_of
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.joins import Ids, check_join

KIND = "features:images"
FEATURES = "features.npy"
IDS = "ids"
REJECTS = "rejects.jsonl"
SVD = "svd.safetensors"

_MADE_BY = "etsyml extract-images"
_REBUILD_HINT = f"Make it with: {_MADE_BY} --force"


class ImageFacts(msgspec.Struct, kw_only=True, frozen=True):
    """The facts in the manifest that identify how photo features were computed; `svd_sha256` is None without an SVD."""

    backbone: str
    layer: str
    weights_sha256: str
    dimension: int
    svd_sha256: str | None
    normalize: bool


@dataclass(frozen=True)
class ImageFeatures:
    """Features of the listings' photos: matrix (I, D), memory-mapped, its rows in the order of `ids`."""

    ids: list[str]
    matrix: NDArray[Any]
    facts: ImageFacts

    def rows_for(self, listing_ids: list[str]) -> NDArray[np.int64]:
        """The row (N,) of each listing in `matrix`, -1 without a photo."""
        return np.fromiter((self._row_of.get(name, -1) for name in listing_ids), np.int64, len(listing_ids))

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}


@of_one_version
def read_image_features(path: Path) -> ImageFeatures:
    """The features that `etsyml extract-images` wrote. Raises InputError if they are missing or damaged."""
    facts = features_facts(path)
    try:
        matrix = open_memmap(path / FEATURES, mode="r")  # refuses objects
        ids = msgspec.json.decode((path / f"{IDS}.json").read_bytes(), type=list[str])
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}", hint=_REBUILD_HINT) from None
    except MemoryError:
        raise
    except Exception as error:  # numpy raises many exceptions on damaged headers
        raise InputError(f"{path}: damaged ({error})", hint=_REBUILD_HINT) from None
    if matrix.dtype.kind != "f" or matrix.shape != (len(set(ids)), facts.dimension):
        raise InputError(f"{path}: {FEATURES}, ids and manifest are inconsistent", hint=_REBUILD_HINT)
    return ImageFeatures(ids, matrix, facts)


def check_photos_join(listings: Ids, images: Path | None, features: ImageFeatures | None) -> None:
    """Check that the photo features `features`, read from `images`, belong to these listings, as `check_join` does."""
    if images is not None and features is not None:
        hint = f"Compute them for the current listings table: {_MADE_BY}"
        check_join(listings, Ids("images", images, features.ids), hint=hint)


def features_facts(path: Path) -> ImageFacts:
    """The facts of the photo features at `path`. Raises InputError if they do not exist or a fact is missing."""
    return facts_of(expect_kind(path, KIND, made_by=_MADE_BY), ImageFacts, path, hint=_REBUILD_HINT)


def made_by(facts: ImageFacts) -> str:
    """The origin of photo features in words; features of the same origin are interchangeable."""
    words = f"{facts.backbone} ({facts.layer}, weights {facts.weights_sha256[:12]})"
    if facts.svd_sha256:
        words += f" reduced to {facts.dimension} by SVD {facts.svd_sha256[:12]}"
    return words + (", normalized" if facts.normalize else "")


def write_matrix(path: Path, blocks: Iterable[NDArray[Any]], shape: tuple[int, int], dtype: str) -> None:
    """Write blocks of rows as one .npy array of this shape; memory holds one block."""
    head = {"descr": dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        write_array_header_1_0(file, head)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype).data)


class PhotoRows:
    """The rows of the network in the order of the photos, in files that grow by whole batches and survive a kill.

    Each photo has a status: 0 for one with a row, else the caller's code for the reason. Rows are written before the
    status, so a photo counts only if its row is complete, even if the process is killed. Files are not synced: after a
    power failure, rerun with --force. Plain writes raise OSError on a full disk; a memory map would crash.
    """

    def __init__(self, directory: Path, n_photos: int, dimension: int, batch_size: int) -> None:
        self.dimension = dimension
        self._rows = directory / "rows.partial"
        self._status = directory / "status.partial"
        self._row_bytes = dimension * np.dtype(np.float32).itemsize
        self._rows.touch()
        self._status.touch()
        done = self._whole_batches(n_photos, batch_size)
        _cut(self._status, len(done))
        _cut(self._rows, int(np.count_nonzero(done == 0)) * self._row_bytes)

    def status(self) -> NDArray[np.int8]:
        """The status of the photos so far, shape (photos,)."""
        return np.frombuffer(self._status.read_bytes(), np.int8)

    def append(self, rows: NDArray[np.float32], status: NDArray[np.int8]) -> None:
        """Append the rows (B, D) and status (B,) of the next batch; rows with a status other than 0 are ignored."""
        with self._rows.open("ab") as file:
            file.write(rows[status == 0].data)
        with self._status.open("ab") as file:
            file.write(status.data)

    def take(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows (N, D), read instead of mapped, because mapped pages count as memory in use."""
        rows = np.empty((len(numbers), self.dimension), np.float32)
        with self._rows.open("rb", buffering=0) as file:
            for row, number in zip(rows, numbers.tolist(), strict=True):
                file.seek(number * self._row_bytes)
                if file.readinto(row.data) != self._row_bytes:
                    raise InputError(f"{self._rows}: row {number:,} is missing", hint="Run it again.")
        return rows

    def _whole_batches(self, n_photos: int, batch_size: int) -> NDArray[np.int8]:
        """The status of the photos with rows, up to the end of a batch, because batches must not shift."""
        status = self.status()[:n_photos]
        rows_here = self._rows.stat().st_size // self._row_bytes
        n_done = int(np.searchsorted(np.cumsum(status == 0), rows_here, side="right"))
        return status[: n_done if n_done == n_photos else n_done - n_done % batch_size]


def _cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
