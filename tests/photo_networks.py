"""Photos and small networks for the tests of photo features."""

from __future__ import annotations

import numpy as np
import torch

from etsyml_cli.photos.backbones import Backbone, backbone_named
from etsyml_cli.photos.network import PhotoNetwork, random_network
from etsyml_cli.photos.torch_network import TorchExtractor

CPU = torch.device("cpu")


def photos_for(backbone: Backbone, n_photos: int) -> np.ndarray:
    size = backbone.preprocessing.size
    return np.random.default_rng(0).integers(0, 256, (n_photos, size, size, 3), dtype=np.uint8)


def random_photo_network(name: str) -> PhotoNetwork:
    backbone = backbone_named(name)
    return PhotoNetwork(backbone, random_network(backbone, seed=0))


def random_extractor(name: str) -> TorchExtractor:
    return TorchExtractor(random_photo_network(name), CPU)
