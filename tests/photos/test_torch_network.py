"""Networks in torch, and the network that a configuration selects."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from etsyml_cli.core.errors import MissingPartError, UsageError
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos import load_network as image_network
from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.load_network import choose_network, load_network
from etsyml_cli.photos.network import batches_in_threads, pick_device, random_network, weights_sha256
from etsyml_cli.photos.torch_network import TorchExtractor
from etsyml_cli.workspace.doctor import examine
from tests.photo_networks import CPU, photos_for, random_extractor, random_photo_network


def test_random_weights_depend_on_the_seed_alone() -> None:
    tiny = backbone_named("tiny")
    before = torch.random.get_rng_state()
    one = weights_sha256(random_network(tiny, seed=1))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    assert weights_sha256(random_network(tiny, seed=1)) == one
    others = [weights_sha256(random_network(tiny, seed)) for seed in (0, 2, 2**32 - 1)]  # the ends of what --seed takes
    assert len({one, *others}) == 4


def test_threads_keep_the_order_and_hand_on_errors() -> None:
    batches = [slice(number, number + 1) for number in range(50)]
    done = list(batches_in_threads(lambda batch: batch.start**2, batches, threads=4))
    assert done == [number**2 for number in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(batches_in_threads(lambda batch: 1 // batch.start, batches, threads=4))


def test_a_device_that_is_not_here() -> None:
    absent = next(name for name in ("mps", "cuda") if not getattr(torch, name).is_available())
    with pytest.raises(MissingPartError, match=f"device {absent}: not found by torch"):
        pick_device(absent)
    assert pick_device("cpu") == CPU


def test_mixed_precision_is_close_and_answers_in_float32() -> None:
    photos = photos_for(backbone_named("efficientnet_lite0"), 2)
    exact = random_extractor("efficientnet_lite0").features(photos)
    mixed = TorchExtractor(random_photo_network("efficientnet_lite0"), CPU, torch.bfloat16).features(photos)
    assert mixed.dtype == np.float32
    assert 0 < np.abs(mixed - exact).max() < 0.05 * np.abs(exact).max()


def install_only(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr(image_network, "find_spec", lambda name: name if name in packages else None)


ALL_OF_ONNX = ("onnxruntime", "onnx", "onnxscript")


def test_a_cpu_takes_small_batches_in_float32() -> None:
    choice = choose_network(ImagesConfig(backbone="tiny", device="cpu"))
    assert (choice.device, choice.precision, choice.batch_size, choice.weights) == (CPU, "float32", 2, None)


@pytest.mark.parametrize("gpu", ["cuda", "mps"])
def test_a_gpu_takes_large_batches_in_float16_and_torch(monkeypatch: pytest.MonkeyPatch, gpu: str) -> None:
    monkeypatch.setattr(image_network, "pick_device", lambda name: torch.device(gpu))
    install_only(monkeypatch, *ALL_OF_ONNX)
    choice = choose_network(ImagesConfig(backbone="tiny"))
    assert (choice.engine, choice.precision, choice.batch_size) == ("torch", "float16", 64)
    exact = choose_network(ImagesConfig(backbone="tiny", precision="float32", batch_size=7))
    assert (exact.precision, exact.batch_size) == ("float32", 7)
    with pytest.raises(UsageError, match=f"engine onnx runs on the CPU, not on {gpu}"):
        choose_network(ImagesConfig(backbone="tiny", engine="onnx"))


def test_onnx_runtime_is_taken_where_all_of_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    on_cpu = ImagesConfig(backbone="tiny", device="cpu")
    caplog.set_level(logging.INFO, "etsyml")
    install_only(monkeypatch, *ALL_OF_ONNX)
    assert choose_network(on_cpu).engine == "onnx"
    assert choose_network(ImagesConfig(backbone="tiny", device="cpu", engine="torch")).engine == "torch"

    install_only(monkeypatch, "onnxruntime", "onnx")
    assert choose_network(on_cpu).engine == "torch"
    load_network(choose_network(on_cpu), seed=0, folder=tmp_path)
    assert caplog.messages[1:] == [
        "tiny: torch on cpu, float32",
        "ONNX Runtime would take less time than torch on this CPU: pip install 'etsyml[onnx]'",
    ]
    with pytest.raises(MissingPartError, match="engine onnx: onnxscript not installed") as caught:
        choose_network(ImagesConfig(backbone="tiny", device="cpu", engine="onnx"))
    assert caught.value.hint == "pip install 'etsyml[onnx]'"


def test_doctor_shows_how_to_install_onnx_runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def found() -> tuple[str, str]:
        (finding,) = (finding for finding in examine(Workspace(tmp_path)) if finding.what == "onnxruntime")
        return finding.state, finding.todo

    install_only(monkeypatch, "onnxruntime")
    assert found() == ("note", "pip install 'etsyml[onnx]'")
    monkeypatch.undo()
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    assert found() == ("ok", "")


def test_choosing_imports_nothing_of_onnx() -> None:
    code = (
        "import sys\n"
        "from etsyml_cli.photos.config import ImagesConfig\n"
        "from etsyml_cli.photos.load_network import choose_network\n"
        "choose_network(ImagesConfig(backbone='tiny', device='cpu'))\n"
        "assert not {'onnx', 'onnxruntime', 'onnxscript'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_facts_of_a_network(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "etsyml")
    choice = choose_network(ImagesConfig(backbone="tiny", device="cpu", engine="torch"))
    loaded = load_network(choice, seed=5, folder=tmp_path)
    assert msgspec.to_builtins(loaded.facts) == {
        "backbone": "tiny",
        "layer": "average pool",
        "preprocessing": {"size": 32, "crop": 1.0, "resample": "bilinear", "mean": (127.0,) * 3, "std": (128.0,) * 3},
        "random_weights": True,
        "weights_sha256": weights_sha256(random_network(choice.backbone, seed=5)),
        "engine": "torch",
        "precision": "float32",
    }
    assert caplog.messages == [
        "tiny has random weights: its features carry no information about the photos",
        "tiny: torch on cpu, float32",
    ]
    assert not list(tmp_path.iterdir())
