"""Arrays on disk, a `.npy` file each, read as memory maps: only the parts that are looked at come into memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError


def save_arrays(directory: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array, allow_pickle=False)


def new_array(directory: Path, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """An array to be filled in place."""
    return open_memmap(directory / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)


def map_array(
    directory: Path, name: str, shape: tuple[int | None, ...], dtype: type[np.generic], *, hint: str
) -> NDArray[Any]:
    """The array, each axis as long as `shape` says, None where that may be any.

    Raises InputError where it is missing, damaged or another; `hint` says what to do then.
    """
    path = directory / f"{name}.npy"
    try:
        array = open_memmap(path, mode="r")  # refuses objects
    except MemoryError:
        raise
    except Exception as error:  # a damaged header makes numpy raise nearly anything
        raise InputError(f"{path}: {error}", hint=hint) from None
    fits = len(array.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
        raise InputError(f"{path}: does not fit the files beside it", hint=hint)
    return np.asarray(array)
