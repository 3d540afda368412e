"""Choose and load the network that computes photo features."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec
import torch
from torch import nn

from etsyml_cli.core.errors import InputError, MissingPartError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.photos.backbones import Backbone, backbone_named
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.network import (
    Extractor,
    PhotoNetwork,
    pick_device,
    random_network,
    trained_network,
    weights_sha256,
)
from etsyml_cli.photos.pixels import Preprocessing
from etsyml_cli.photos.torch_network import TorchExtractor
from etsyml_cli.photos.weights import read_state_dict

CPU_BATCH, GPU_BATCH = 2, 64  # photos: few enough for a CPU's cache, many enough to keep a GPU busy
INSTALL_ONNX = "pip install 'etsyml[onnx]'"

ENGINE_NAMES = {"torch": "torch", "onnx": "ONNX Runtime"}
Engine = Literal["torch", "onnx"]


@dataclass(frozen=True)
class NetworkChoice:
    """The choice of network, device and engine, before weights are loaded."""

    name: str
    backbone: Backbone
    weights: Path | None  # None for random weights
    device: torch.device
    engine: Engine
    precision: Literal["float32", "float16"]
    batch_size: int


class NetworkFacts(msgspec.Struct, kw_only=True, frozen=True):
    """The facts about a network in the manifest of its features."""

    backbone: str
    layer: str
    preprocessing: Preprocessing
    random_weights: bool
    weights_sha256: str
    engine: Engine
    precision: str


@dataclass(frozen=True)
class LoadedNetwork:
    """A loaded network and the facts to store with its features."""

    facts: NetworkFacts
    extractor: Extractor


def choose_network(config: ImagesConfig) -> NetworkChoice:
    """The network, device and engine of `config`, with resolved `auto` values.

    Raises MissingPartError for a missing package or device, UsageError for an invalid combination.
    """
    backbone = backbone_named(config.backbone)
    device = pick_device(config.device)
    engine = _engine(config.engine, device)
    on_gpu = device.type != "cpu"
    return NetworkChoice(
        name=config.backbone,
        backbone=backbone,
        weights=_weights_file(backbone, config.weights),
        device=device,
        engine=engine,
        precision="float16" if on_gpu and config.precision == "auto" else "float32",
        batch_size=config.batch_size or (GPU_BATCH if on_gpu else CPU_BATCH),
    )


def load_network(choice: NetworkChoice, seed: int, folder: Path) -> LoadedNetwork:
    """Load the chosen network; its export for ONNX Runtime is cached in `folder`."""
    network = _network(choice, seed)
    sha256 = weights_sha256(network)
    export = folder / f"{choice.name}-{sha256[:12]}.onnx"
    extractor = _extractor(choice, PhotoNetwork(choice.backbone, network), export)
    logger.info("%s: %s on %s, %s", choice.name, ENGINE_NAMES[choice.engine], choice.device.type, choice.precision)
    if choice.engine == "torch" and choice.device.type == "cpu" and missing_onnx_packages():
        logger.info("ONNX Runtime would take less time than torch on this CPU: %s", INSTALL_ONNX)
    facts = NetworkFacts(
        backbone=choice.name,
        layer=choice.backbone.layer,
        preprocessing=choice.backbone.preprocessing,
        random_weights=choice.weights is None,
        weights_sha256=sha256,
        engine=choice.engine,
        precision=choice.precision,
    )
    return LoadedNetwork(facts, extractor)


def missing_onnx_packages() -> list[str]:
    """The packages of the extra `onnx` that are not installed, without importing them."""
    return [name for name in ("onnxruntime", "onnx", "onnxscript") if find_spec(name) is None]


def _engine(engine: str, device: torch.device) -> Engine:
    if engine == "torch" or (engine == "auto" and device.type != "cpu"):
        return "torch"
    missing = missing_onnx_packages()
    if engine == "auto" and missing:
        return "torch"
    if device.type != "cpu":
        raise UsageError(
            f"engine onnx runs on the CPU, not on {device.type}", hint="Use --device cpu, or --set engine=torch."
        )
    if missing:
        raise MissingPartError(f"engine onnx: {', '.join(missing)} not installed", hint=INSTALL_ONNX)
    return "onnx"


def _weights_file(backbone: Backbone, weights: str) -> Path | None:
    """The file of weights, or None for random weights."""
    if weights == "none":
        return None
    if weights == "default":
        return backbone.default_weights() if backbone.default_weights else None
    path = Path(weights).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: weights not found", hint="Give a state dict with: --set weights=PATH")
    return path


def _network(choice: NetworkChoice, seed: int) -> nn.Module:
    if choice.weights is not None:
        return trained_network(choice.backbone, read_state_dict(choice.weights), str(choice.weights))
    logger.warning("%s has random weights: its features carry no information about the photos", choice.name)
    return random_network(choice.backbone, seed)


def _extractor(choice: NetworkChoice, network: PhotoNetwork, export: Path) -> Extractor:
    in_torch = TorchExtractor(network, choice.device, getattr(torch, choice.precision))
    if choice.engine == "torch":
        return in_torch
    from etsyml_cli.photos.onnx_export import in_onnx_runtime  # needs packages that may be missing

    return in_onnx_runtime(network, reference=in_torch, cached=None if choice.weights is None else export)
