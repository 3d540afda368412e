"""Settings of photo features and the table of backbones."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from etsyml_cli.core.config import Config

BACKBONES = {
    "efficientnet_lite0": "etsyml_cli.photos.backbones:efficientnet_lite0",
    "resnet18": "etsyml_cli.photos.backbones:resnet18",
    "resnet50": "etsyml_cli.photos.backbones:resnet50",
    "vgg19": "etsyml_cli.photos.backbones:vgg19",
    "tiny": "etsyml_cli.photos.backbones:tiny",
}


class ImagesConfig(Config, frozen=True):
    """Settings of `extract-images`."""

    backbone: str = "efficientnet_lite0"  # a name in BACKBONES
    weights: str = "default"  # "default", the path of a state dict, or "none" for random weights
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    engine: Literal["auto", "torch", "onnx"] = "auto"
    precision: Literal["auto", "float32"] = "auto"
    batch_size: Annotated[int, Meta(ge=1, le=4096)] | None = None  # photos; None: 2 on a CPU, 64 on a GPU
    threads: Annotated[int, Meta(ge=1, le=1024)] | None = None  # batches at once; None: one per core
    max_pixels: Annotated[int, Meta(ge=1)] = 40_000_000  # larger photos are refused before decoding
    dim: Annotated[int, Meta(ge=1)] | None = None  # None: all features of the network
    normalize: bool = False
    dtype: Literal["float32", "float16"] = "float32"  # of the file
