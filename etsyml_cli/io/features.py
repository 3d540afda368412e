"""Photo features on disk: `features.npy` (I listings x D features), `ids.json`, `rejects.jsonl`.

While they are made, each photo's status lies beside them, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.lib.format import dtype_to_descr, open_memmap, write_array_header_1_0
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import expect_kind, sync
from etsyml_cli.io.model import save_ids

KIND = "features:images"
FEATURES = "features.npy"
IDS = "ids"
REJECTS = "rejects.jsonl"

NOT_DONE = -1
DONE = 0  # a status above it says why there is no row

CHECKPOINT_ROWS = 64  # what a killed run may have to do again

_MADE_BY = "etsyml extract-images"
_STATUS = "status.partial"  # a byte for each photo


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
    manifest = expect_kind(path, KIND, made_by=_MADE_BY)
    make_again = f"Make it with: {_MADE_BY} --force"
    try:
        matrix = open_memmap(path / FEATURES, mode="r")  # refuses objects
        ids = msgspec.json.decode((path / f"{IDS}.json").read_bytes(), type=list[str])
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}", hint=make_again) from None
    except Exception as error:  # a damaged header makes numpy raise nearly anything
        raise InputError(f"{path}: damaged ({error})", hint=make_again) from None
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or len(matrix) != len(ids):
        raise InputError(f"{path}: {FEATURES} and its ids do not fit each other", hint=make_again)
    return ImageFeatures(ids, matrix, manifest.facts)


class FeaturesDraft:
    """Features in the making: the status (I,) of all photos and the rows of those that are DONE, both on disk.

    Rows are appended, not memory-mapped: a full disk is an OSError then, while a map would kill the process.
    """

    def __init__(self, directory: Path, n_photos: int, dimension: int, dtype: str) -> None:
        self._directory = directory
        self._dimension = dimension
        self._dtype = np.dtype(dtype)
        self._unsaved = 0
        self.status = np.full(n_photos, NOT_DONE, np.int8)
        if (directory / _STATUS).is_file():
            self.status[:] = np.frombuffer((directory / _STATUS).read_bytes(), np.int8)
        (directory / FEATURES).touch()
        self._write_header()

    def put(self, batch: slice, rows: NDArray[Any], status: NDArray[np.int8]) -> None:
        """Take the next batch's rows (B, D) and what became of each photo (B,): DONE or a code of the caller's."""
        with (self._directory / FEATURES).open("ab") as file:
            file.write(rows[status == DONE].astype(self._dtype).tobytes())
        self.status[batch] = status
        self._unsaved += len(rows)
        if self._unsaved >= CHECKPOINT_ROWS:
            self._checkpoint()

    def finish(self, photo_ids: list[str]) -> None:
        """Name the rows, which are in the order of the photos, and drop the draft's own file."""
        self._checkpoint()
        self._write_header()
        save_ids(self._directory, IDS, [photo_ids[row] for row in np.flatnonzero(self.status == DONE)])
        (self._directory / _STATUS).unlink()

    def _write_header(self) -> None:
        """Make the file one of the rows that are DONE; numpy gives a header the same length for any number of rows."""
        shape = (int(np.count_nonzero(self.status == DONE)), self._dimension)
        head = {"descr": dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        with (self._directory / FEATURES).open("r+b") as file:
            write_array_header_1_0(file, head)
            file.truncate(file.tell() + math.prod(shape) * self._dtype.itemsize)

    def _checkpoint(self) -> None:
        """The status says DONE only of rows that have reached the disk, so it goes last, in one step."""
        sync(self._directory / FEATURES)
        fresh = self._directory / f"new.{_STATUS}"
        fresh.write_bytes(self.status.tobytes())
        sync(fresh)
        fresh.replace(self._directory / _STATUS)
        self._unsaved = 0
