"""State dicts of networks: read without running any code in a file; downloaded on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from etsyml_cli.core.errors import InputError, MissingPartError
from etsyml_cli.core.log import logger

StateDict = dict[str, torch.Tensor]

_SAVE = "Save only the weights: torch.save(model.state_dict(), PATH)"


def read_state_dict(path: Path) -> StateDict:
    """Tensors by name. Raises InputError for a file that is missing, damaged or contains more than tensors."""
    try:
        state: StateDict = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except MemoryError:
        raise
    except Exception:  # torch raises many exceptions on damaged archives
        raise InputError(
            f"{path}: refused: damaged, or it contains more than tensors and could run code",
            hint=_SAVE,
        ) from None
    _expect_plain_tensors(state, path)
    return state


def _expect_plain_tensors(state: Any, path: Path) -> None:
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a state dict (name -> tensor)", hint=_SAVE)
    if nested := next((key for key in ("state_dict", "model") if isinstance(state.get(key), dict)), None):
        raise InputError(
            f"{path}: a checkpoint with its state dict under {nested!r}",
            hint=f"Save only that: torch.save(checkpoint[{nested!r}], PATH)",
        )
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise InputError(f"{path}: expected a state dict (name -> tensor), found {name!r:.80}", hint=_SAVE)
        if kind := _oddity(tensor):
            raise InputError(
                f"{path}: {name:.80} is {kind}, but weights must be plain arrays of real numbers", hint=_SAVE
            )
    if state and all(name.startswith("module.") for name in state):
        raise InputError(
            f"{path}: saved from a DataParallel, so that all names begin with 'module.'",
            hint="Save what is inside: torch.save(model.module.state_dict(), PATH)",
        )


def _oddity(tensor: torch.Tensor) -> str | None:
    """The difference of a tensor from a plain array of real numbers."""
    odd = {
        "quantized": tensor.is_quantized,
        "complex": tensor.is_complex(),
        "without values": tensor.is_meta,
        "nested": tensor.is_nested,
        "sparse": tensor.layout != torch.strided,
    }
    return next((kind for kind, is_so in odd.items() if is_so), None)


def download_once(url: str) -> Path:
    """The file behind `url` in torch's own cache. Raises MissingPartError if it cannot be downloaded."""
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
            hint=f"Download {name} on another machine and use it with: --set weights=PATH",
        ) from None
    return path


def _hash_prefix(name: str) -> str:
    """torch's convention: `vgg19-dcbb9e9d.pth` contains the first digits of the file's SHA-256."""
    return name.rpartition("-")[2].partition(".")[0]
