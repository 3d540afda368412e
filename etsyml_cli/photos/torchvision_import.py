"""Import torchvision with a torch that it was not built for.

PyPI's torchvision for Linux is built against CUDA; with a CPU-only torch its native operators do not load, and the
import fails at the first one that it describes. Models and transforms need none of them, so declaring the two missing
schemas is enough. `ops.nms` and `torchvision.io` still do not work.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType
from typing import Any

from etsyml_cli.core.errors import MissingPartError

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_torchvision() -> ModuleType:
    """The torchvision module. Raises MissingPartError if it is not installed."""
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise MissingPartError("torchvision is not installed", hint="pip install torchvision") from None
    except RuntimeError as error:
        if not _is_missing_operator(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declare_missing_operators()
    return importlib.import_module("torchvision")


def _is_missing_operator(error: RuntimeError) -> bool:
    return "operator torchvision::" in str(error) and "does not exist" in str(error)


@functools.cache  # keeps the library alive: without it, its declarations are removed
def _declare_missing_operators() -> Any:
    import torch

    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _BOXES)
    return library
