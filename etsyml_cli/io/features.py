"""Photo features on disk: `features.npy` (I listings x D features, memory-mapped), `ids.json`, `rejects.jsonl`.

While they are made, a draft holds a row for every photo and beside it each row's status, so that a run
that was killed goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import expect_kind, sync
from etsyml_cli.io.model import load_ids, save_ids

KIND = "features:images"
FEATURES = "features.npy"
IDS = "ids"
REJECTS = "rejects.jsonl"

NOT_DONE = -1
DONE = 0  # a status above it says why there is no row

CHECKPOINT_ROWS = 64  # what a killed run may have to do again
COPY_ROWS = 1 << 14

_DRAFT_ROWS = "rows.partial.npy"
_DRAFT_STATUS = "status.partial.npy"


@dataclass(frozen=True)
class ImageFeatures:
    """Features of the listings' photos: matrix (I, D), memory-mapped, its rows in the order of `ids`."""

    ids: list[str]
    matrix: NDArray[Any]
    facts: dict[str, Any]

    def rows_for(self, listing_ids: list[str]) -> NDArray[np.int64]:
        """The row (N,) of each listing in `matrix`, -1 where it has none."""
        return np.fromiter((self._row_of.get(name, -1) for name in listing_ids), np.int64, len(listing_ids))

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}


def read_image_features(path: Path) -> ImageFeatures:
    """The features that `etsyml extract-images` wrote. Raises InputError where they are missing or damaged."""
    manifest = expect_kind(path, KIND, made_by="etsyml extract-images")
    try:
        matrix = open_memmap(path / FEATURES, mode="r")  # refuses objects
        ids = load_ids(path, IDS)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}", hint="Run etsyml extract-images again.") from None
    if matrix.ndim != 2 or len(matrix) != len(ids):
        raise InputError(f"{path}: {FEATURES} and its ids do not fit each other")
    return ImageFeatures(ids, matrix, manifest.facts)


class FeaturesDraft:
    """Features in the making: the rows (I, D) and the status (I,) of all photos, both kept on disk."""

    def __init__(self, directory: Path, n_photos: int, dimension: int, dtype: str) -> None:
        self._directory = directory
        self._unsaved = 0
        if not (directory / _DRAFT_STATUS).is_file():
            open_memmap(directory / _DRAFT_ROWS, mode="w+", dtype=dtype, shape=(n_photos, dimension))
            self.status = np.full(n_photos, NOT_DONE, np.int8)
            self._checkpoint()
        self._rows = open_memmap(directory / _DRAFT_ROWS, mode="r+")
        self.status = np.load(directory / _DRAFT_STATUS, allow_pickle=False)

    def put(self, batch: slice, rows: NDArray[Any], status: NDArray[np.int8]) -> None:
        """Take a batch's rows (B, D) and what became of each photo (B,): DONE or a code of the caller's above it."""
        self._rows[batch] = rows
        self.status[batch] = status
        self._unsaved += len(rows)
        if self._unsaved >= CHECKPOINT_ROWS:
            self._checkpoint()

    def finish(self, photo_ids: list[str]) -> None:
        """Write the rows that are DONE with their ids, in order, and drop the draft's own files."""
        self._checkpoint()
        done = np.flatnonzero(self.status == DONE)
        shape = (len(done), self._rows.shape[1])
        features = open_memmap(self._directory / FEATURES, mode="w+", dtype=self._rows.dtype, shape=shape)
        for start in range(0, len(done), COPY_ROWS):
            features[start : start + COPY_ROWS] = self._rows[done[start : start + COPY_ROWS]]
        features.flush()
        save_ids(self._directory, IDS, [photo_ids[row] for row in done])
        for name in (_DRAFT_STATUS, _DRAFT_ROWS):  # a status promises rows
            (self._directory / name).unlink()

    def _checkpoint(self) -> None:
        """The status says DONE only of rows that have reached the disk, so it goes last, in one step."""
        if self._unsaved:
            self._rows.flush()
        fresh = self._directory / f"new.{_DRAFT_STATUS}"
        np.save(fresh, self.status)
        sync(fresh)
        fresh.replace(self._directory / _DRAFT_STATUS)
        self._unsaved = 0
