"""Files of a model directory: tensors, ids, resolved configuration, split, metrics and model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import to_json

TENSORS = "model.safetensors"
CONFIG = "config.yaml"
SPLIT = "split.json"
METRICS = "metrics.json"
CARD = "README.md"


def save_tensors(directory: Path, tensors: dict[str, NDArray[Any]], file_name: str = TENSORS) -> None:
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    path = directory / file_name
    path.touch()
    mode = path.stat().st_mode
    save_file(contiguous, path)  # `save` would copy all tensors; `save_file` makes the file private
    path.chmod(mode)


def load_tensors(
    directory: Path,
    shapes: Mapping[str, tuple[int | None, ...]] = {},
    file_name: str = TENSORS,
    hint: str = "Train the model again with --force.",
) -> dict[str, NDArray[Any]]:
    """All tensors of a model. Raises InputError with `hint` if the file is missing or damaged.

    `shapes` gives the required tensors and their shapes; None allows any length of an axis.
    """
    from safetensors.numpy import load_file

    path = directory / file_name
    try:
        tensors = load_file(path)
    except MemoryError:
        raise
    except Exception as error:  # the reader raises many types of errors for a damaged file
        raise InputError(f"{path}: {error}", hint=hint) from None
    for name, shape in shapes.items():
        if name not in tensors:
            raise InputError(f"{path}: no tensor {name!r}", hint=hint)
        actual = tensors[name].shape
        if len(actual) != len(shape) or any(n not in (None, m) for n, m in zip(shape, actual, strict=True)):
            raise InputError(f"{path}: {name!r} does not fit the other files of the model", hint=hint)
    return tensors


def save_ids(directory: Path, name: str, ids: list[str]) -> None:
    """Save ids, in the order of a tensor's rows, as a JSON list, because an id may be any text."""
    (directory / f"{name}.json").write_bytes(msgspec.json.encode(ids))


def load_ids(directory: Path, name: str) -> list[str]:
    ids: list[str] = _decode(directory / f"{name}.json", list[str])
    return ids


def save_json(directory: Path, name: str, value: Any) -> None:
    (directory / name).write_bytes(to_json(value))


def load_json(directory: Path, name: str, kind: Any = Any) -> Any:
    return _decode(directory / name, kind)


def save_config(directory: Path, config: msgspec.Struct) -> None:
    (directory / CONFIG).write_bytes(msgspec.yaml.encode(msgspec.to_builtins(config)))


def load_config(directory: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.yaml.decode((directory / CONFIG).read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise InputError(f"{directory / CONFIG}: {error}", hint="Train the model again with --force.") from None


def _decode(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: {error}", hint="Train the model again with --force.") from None
