"""Arrays in `.npy` files, read as memory maps, so that only the parts in use are loaded."""

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
    """Create an array on disk, to be filled in place."""
    return open_memmap(directory / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)


def map_array(
    directory: Path, name: str, shape: tuple[int | None, ...], dtype: type[np.generic], *, hint: str
) -> NDArray[Any]:
    """The array, which must have this dtype and shape; None in `shape` allows any length.

    Raises InputError with `hint` if the array is missing, damaged or of another shape or dtype.
    """
    path = directory / f"{name}.npy"
    try:
        array = open_memmap(path, mode="r")  # does not load pickled objects
    except MemoryError:
        raise
    except Exception as error:  # numpy raises many types of errors for a damaged header
        raise InputError(f"{path}: {error}", hint=hint) from None
    fits = len(array.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
        raise InputError(f"{path}: does not fit the other files of the directory", hint=hint)
    return np.asarray(array)
