"""Check the installation and the workspace: versions, devices, disk space, tables, features and models."""

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
from etsyml_cli.systems import EXPECTED_MODELS, MODELS, train_command
from etsyml_cli.workspace.evaluate import model_kind
from etsyml_cli.workspace.inspect import inspect_output

LOW_DISK_GB = 2


class Finding(msgspec.Struct):
    """The result of one check: `state` is ok, note or bad, `todo` the command or step that repairs it."""

    what: str
    state: str
    found: str
    todo: str = ""


def examine(workspace: Workspace) -> list[Finding]:
    """The results of all checks: the installation, then the workspace in the order of the pipeline."""
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
        message = f"{', '.join(missing)} not installed; photo features take longer on a CPU without it"
        return Finding("onnxruntime", "note", message, INSTALL_ONNX)
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
        return Finding("disk", "bad", f"{place} is not writable", "Choose another workspace with -w.")
    return Finding("disk", "ok" if free > LOW_DISK_GB else "note", f"{free:.0f} GB free at {place}")


def _workspace(workspace: Workspace) -> list[Finding]:
    places = [(f"{name} table", workspace.table(name), f"etsyml ingest {name} FILE") for name in TABLES]
    images = workspace.all_images() or [workspace.images(ImagesConfig().backbone)]
    places += [("photo features", path, "etsyml extract-images") for path in images]
    places += [(f"{name} model", workspace.model(name), MODELS[name].train) for name in EXPECTED_MODELS]
    findings = [_artifact(what, path, command) for what, path, command in places]
    expected = {path for _, path, _ in places}
    findings += [_model(path) for path in workspace.all_models() if path not in expected]
    indexes = workspace.all_indexes()
    return findings + [_artifact(f"{path.name} index", path, f"etsyml index {path.name}") for path in indexes]


def _model(path: Path) -> Finding:
    """A model that the workspace need not have."""
    what = f"{path.name} model"
    try:
        return _artifact(what, path, train_command(model_kind(path), path))
    except EtsymlError as error:
        return Finding(what, "bad", error.message, error.hint or "")


def _artifact(what: str, path: Path, command: str) -> Finding:
    if not path.exists():
        return Finding(what, "note", "not found", command)
    try:
        damaged = inspect_output(path).damaged
    except EtsymlError as error:
        return Finding(what, "bad", error.message, f"{command} --force")
    if damaged:
        return Finding(what, "bad", f"damaged: {', '.join(damaged)}", f"{command} --force")
    return Finding(what, "ok", str(path))
