"""What a person asks first when something does not run: versions, devices, disk, the state of the workspace."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

import msgspec

from etsyml_cli import __version__
from etsyml_cli.core.errors import EtsymlError
from etsyml_cli.io.schema import TABLES
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.workspace.inspect import inspect

LOW_DISK_GB = 2


class Finding(msgspec.Struct):
    """One thing that was looked at: `state` is ok, note or bad; `todo` says what to do about it."""

    what: str
    state: str
    found: str
    todo: str = ""


def examine(workspace: Workspace) -> list[Finding]:
    """All findings, the machine first, then the workspace in the order of the chain."""
    return [
        Finding("etsyml", "ok", f"{__version__} on Python {platform.python_version()}, {platform.system()}"),
        Finding("processors", "ok", f"{os.cpu_count()}"),
        *(_package(name) for name in ("numpy", "pyarrow", "duckdb", "numba", "gensim", "torch")),
        _torchvision(),
        _onnx_runtime(),
        _device(),
        _disk(workspace.root),
        *_workspace(workspace),
    ]


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "bad", "not installed", f"pip install {name}")


def _torchvision() -> Finding:
    from etsyml_cli.photos.torchvision_import import import_torchvision

    try:
        torchvision = import_torchvision()
    except (ImportError, RuntimeError, EtsymlError) as error:
        return Finding("torchvision", "bad", str(error).splitlines()[0], "pip install torchvision")
    return Finding("torchvision", "ok", torchvision.__version__)


def _onnx_runtime() -> Finding:
    from etsyml_cli.photos.load_network import INSTALL_ONNX, missing_onnx_packages

    if missing := missing_onnx_packages():
        said = f"{', '.join(missing)} not installed; photo features take longer on a CPU without"
        return Finding("onnxruntime", "note", said, INSTALL_ONNX)
    from etsyml_cli.photos.onnx_network import runtime_version

    return Finding("onnxruntime", "ok", runtime_version())


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("device", "ok", f"cuda: {torch.cuda.get_device_name(0)}")
    if torch.backends.mps.is_available():
        return Finding("device", "ok", "mps")
    return Finding("device", "ok", "cpu")


def _disk(root: Path) -> Finding:
    place = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    writable = os.access(place, os.W_OK)
    if not writable:
        return Finding("disk", "bad", f"{place} cannot be written to", "Name another workspace with -w.")
    return Finding("disk", "ok" if free > LOW_DISK_GB else "note", f"{free:.0f} GB free at {place}")


def _workspace(workspace: Workspace) -> list[Finding]:
    places = [(f"{name} table", workspace.table(name), f"etsyml ingest {name} FILE") for name in TABLES]
    images = workspace.all_images() or [workspace.images(ImagesConfig().backbone)]
    places += [("photo features", path, "etsyml extract-images") for path in images]
    places += [(f"{kind} model", workspace.model(kind), f"etsyml train {kind}") for kind in ("ltr", "lda", "ctr")]
    places += [(f"{path.name} index", path, f"etsyml index {path.name}") for path in workspace.all_indexes()]
    return [_place(what, path, maker) for what, path, maker in places]


def _place(what: str, path: Path, maker: str) -> Finding:
    if not path.exists():
        return Finding(what, "note", "not here yet", maker)
    try:
        damaged = inspect(path)["damaged"]
    except EtsymlError as error:
        return Finding(what, "bad", error.message, f"{maker} --force")
    if damaged:
        return Finding(what, "bad", f"damaged: {', '.join(damaged)}", f"{maker} --force")
    return Finding(what, "ok", str(path))
