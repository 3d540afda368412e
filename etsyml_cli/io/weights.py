"""State dicts of networks: read without running anything that a file may hold; downloaded when asked for."""

from __future__ import annotations

from pathlib import Path

import torch

from etsyml_cli.core.errors import InputError, MissingPartError
from etsyml_cli.core.log import logger

StateDict = dict[str, torch.Tensor]


def read_state_dict(path: Path) -> StateDict:
    """Tensors by name. Raises InputError for a file that is missing, damaged or holds more than tensors."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except Exception:  # a damaged archive makes torch raise nearly anything
        raise InputError(
            f"{path}: refused: damaged, or it holds more than tensors and could run code",
            hint="Save model.state_dict() alone.",
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: expected a state dict (name -> tensor)", hint="Save model.state_dict() alone.")
    return state


def download_once(url: str) -> Path:
    """The file behind `url` in torch's own cache. Raises MissingPartError where it is not to be had."""
    name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    logger.info("downloading %s", url)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=_hash_prefix(name), progress=False)
    except (OSError, RuntimeError) as error:  # no network; another hash
        raise MissingPartError(
            f"the weights could not be downloaded from {url} ({error})",
            hint=f"Fetch {name} elsewhere and name it with: --set weights=PATH",
        ) from None
    return path


def _hash_prefix(name: str) -> str:
    """torch's convention: `vgg19-dcbb9e9d.pth` names the first digits of the file's SHA-256."""
    return name.rpartition("-")[2].partition(".")[0]
