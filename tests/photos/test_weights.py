"""Untrusted state dicts: no code in them is run, and invalid ones are reported in one sentence."""

from __future__ import annotations

import pickle
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from etsyml_cli.core.errors import InputError, MissingPartError
from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.network import PhotoNetwork, random_network, trained_network, weights_sha256
from etsyml_cli.photos.torch_network import TorchExtractor
from etsyml_cli.photos.weights import download_once, read_state_dict
from tests.photo_networks import CPU, photos_for


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
    with pytest.raises(InputError, match=r"evil\.pt: refused: damaged, or it contains more than tensors"):
        read_state_dict(path)
    assert not proof.exists()


def test_files_that_are_no_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with pytest.raises(InputError, match=r"weights\.pt: No such file"):
        read_state_dict(path)
    torch.save({"weight": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"weights\.pt"):
        read_state_dict(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"weights\.pt"):
        read_state_dict(path)


ODD_TENSORS: dict[str, Callable[[], torch.Tensor]] = {
    "complex": lambda: torch.zeros(2, dtype=torch.complex64),
    "nested": lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    "quantized": lambda: torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "without values": lambda: torch.zeros(2, device="meta"),
}


@pytest.mark.filterwarnings("ignore")  # torch's own, about old kinds of tensors
@pytest.mark.parametrize("kind", ODD_TENSORS)
def test_odd_tensors_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    torch.save({"good": torch.zeros(2), "odd": ODD_TENSORS[kind]()}, tmp_path / "odd.pt")
    with pytest.raises(InputError, match=rf"odd\.pt: odd is {kind}, but weights must be"):
        read_state_dict(tmp_path / "odd.pt")


@pytest.mark.parametrize("value", [[torch.zeros(2)], {7: torch.zeros(2)}, {"weight": 0.5}, torch.zeros(2)])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt: expected a state dict \(name -> tensor\)") as caught:
        read_state_dict(tmp_path / "other.pt")
    assert caught.value.hint == "Save only the weights: torch.save(model.state_dict(), PATH)"


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_the_hint_for_a_checkpoint_shows_how_to_save_weights(tmp_path: Path, key: str) -> None:
    torch.save({"epoch": 3, key: {"weight": torch.zeros(2)}}, tmp_path / "last.pt")
    with pytest.raises(InputError, match=rf"last\.pt: a checkpoint with its state dict under '{key}'") as caught:
        read_state_dict(tmp_path / "last.pt")
    assert caught.value.hint == f"Save only that: torch.save(checkpoint['{key}'], PATH)"


def test_the_hint_for_a_wrapped_network_shows_how_to_save_weights(tmp_path: Path) -> None:
    wrapped = torch.nn.DataParallel(random_network(backbone_named("tiny"), seed=0))
    torch.save(wrapped.state_dict(), tmp_path / "wrapped.pt")
    with pytest.raises(InputError, match=r"wrapped\.pt: saved from a DataParallel") as caught:
        read_state_dict(tmp_path / "wrapped.pt")
    assert caught.value.hint == "Save what is inside: torch.save(model.module.state_dict(), PATH)"


def test_weights_of_another_network_are_refused() -> None:
    tiny = backbone_named("tiny")
    state = dict(random_network(tiny, seed=0).state_dict())
    trained_network(tiny, state, "good.pt")
    with pytest.raises(InputError, match=r"other\.pt: these weights belong to another network \(size mismatch for 0"):
        trained_network(tiny, state | {"0.weight": torch.zeros(1)}, "other.pt")
    del state["0.weight"]
    with pytest.raises(InputError, match=r"other\.pt: .*Missing key"):
        trained_network(tiny, state, "other.pt")


def test_whole_numbers_are_no_weights() -> None:
    tiny = backbone_named("tiny")
    state = random_network(tiny, seed=0).state_dict()
    with pytest.raises(InputError, match=r'other\.pt: .*parameter named "0\.weight"'):
        trained_network(tiny, state | {"0.weight": state["0.weight"].int()}, "other.pt")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_weights_of_another_width_become_float32(dtype: torch.dtype) -> None:
    tiny = backbone_named("tiny")
    state = {name: tensor.half().to(dtype) for name, tensor in random_network(tiny, seed=0).state_dict().items()}
    network = trained_network(tiny, state, "half.pt")
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, state[name].float(), rtol=0, atol=0)


def test_weights_from_before_torch_counted_batches_fit() -> None:
    """torchvision's own files of the ResNets are of that age."""
    resnet = backbone_named("resnet18")
    state = dict(random_network(resnet, seed=0).state_dict())
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    assert weights_sha256(trained_network(resnet, old, "old.pt")) == weights_sha256(
        trained_network(resnet, state, "new.pt")
    )


def test_a_failed_download_has_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(url: str, place: str, hash_prefix: str, progress: bool) -> None:
        assert hash_prefix == "dcbb9e9d"
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    default_weights = backbone_named("vgg19").default_weights
    assert default_weights is not None
    with pytest.raises(MissingPartError, match="no route to host") as caught:
        default_weights()
    assert caught.value.hint == "Download vgg19-dcbb9e9d.pth on another machine and use it with: --set weights=PATH"


def test_what_was_downloaded_is_not_downloaded_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "net-0123abcd.pth").touch()
    path = download_once("https://host.invalid/net-0123abcd.pth")
    assert path == tmp_path / "checkpoints" / "net-0123abcd.pth"


def test_the_head_may_be_made_for_any_number_of_classes(tmp_path: Path) -> None:
    resnet = backbone_named("resnet18")
    state = dict(random_network(resnet, seed=0).state_dict())
    tuned = state | {"fc.weight": torch.zeros(20, 512), "fc.bias": torch.zeros(20)}
    photos = photos_for(resnet, 1)
    of_a_thousand, of_twenty = (
        TorchExtractor(PhotoNetwork(resnet, trained_network(resnet, weights, "tuned.pt")), CPU).features(photos)
        for weights in (state, tuned)
    )
    np.testing.assert_array_equal(of_a_thousand, of_twenty)
