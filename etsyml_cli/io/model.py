"""Files of a model directory: tensors, ids, the resolved configuration, split, metrics and the model card."""

from __future__ import annotations

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


def save_tensors(directory: Path, tensors: dict[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    (directory / TENSORS).write_bytes(save(contiguous))  # save_file would make it readable by its owner alone


def load_tensors(directory: Path) -> dict[str, NDArray[Any]]:
    """All tensors of a model. Raises InputError for a file that is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(directory / TENSORS)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"{directory / TENSORS}: {error}", hint="Train the model again.") from None


def save_ids(directory: Path, name: str, ids: list[str]) -> None:
    """Ids in the order of a tensor's rows, as one JSON list: any text can be an id."""
    (directory / f"{name}.json").write_bytes(msgspec.json.encode(ids))


def load_ids(directory: Path, name: str) -> list[str]:
    ids: list[str] = _decoded(directory / f"{name}.json", list[str])
    return ids


def save_json(directory: Path, name: str, value: Any) -> None:
    (directory / name).write_bytes(to_json(value))


def load_json(directory: Path, name: str, kind: Any = Any) -> Any:
    return _decoded(directory / name, kind)


def save_config(directory: Path, config: msgspec.Struct) -> None:
    (directory / CONFIG).write_bytes(msgspec.yaml.encode(msgspec.to_builtins(config)))


def load_config(directory: Path, kind: type[Any]) -> Any:
    return msgspec.yaml.decode((directory / CONFIG).read_bytes(), type=kind)


def _decoded(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise InputError(f"{path}: {error}", hint="Train the model again.") from None
