"""Networks in ONNX Runtime: torch's features, exported once, and never a wrong file believed."""

from __future__ import annotations

import copy
import functools
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from etsyml_cli.core.errors import MissingPartError
from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.load_network import LoadedNetwork, choose_network, load_network
from etsyml_cli.photos.network import Extractor, PhotoNetwork, batches_in_threads, random_network, trained_network
from etsyml_cli.photos.weights import read_state_dict
from tests.photo_networks import photos_for, random_photo_network
from tests.places import names_in

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from etsyml_cli.photos import onnx_export as image_onnx
from etsyml_cli.photos.onnx_network import OnnxExtractor, export_onnx
from etsyml_cli.photos.torch_network import TorchExtractor
from tests.photo_networks import CPU


def trained_lite0() -> PhotoNetwork:
    backbone = backbone_named("efficientnet_lite0")
    assert backbone.default_weights is not None
    return PhotoNetwork(backbone, trained_network(backbone, read_state_dict(backbone.default_weights()), "default"))


@functools.cache
def extractor(engine: str, name: str) -> Extractor:
    network = trained_lite0() if name == "efficientnet_lite0" else random_photo_network(name)
    return OnnxExtractor(export_onnx(network)) if engine == "onnx" else TorchExtractor(network, CPU)


@functools.cache
def exported_tiny() -> bytes:
    return export_onnx(random_photo_network("tiny"))


@pytest.mark.parametrize("name", ["tiny", "efficientnet_lite0"])
@pytest.mark.parametrize("n_photos", [1, 3])
def test_onnx_runtime_gives_torchs_features(name: str, n_photos: int) -> None:
    photos = photos_for(backbone_named(name), n_photos)
    expected = extractor("torch", name).features(photos)
    features = extractor("onnx", name).features(photos)
    assert (features.dtype, features.shape) == (np.float32, expected.shape)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("name", ["tiny", "efficientnet_lite0"])
def test_a_row_depends_on_its_own_photo_at_any_position(engine: str, name: str) -> None:
    photos = photos_for(backbone_named(name), 4)
    features = extractor(engine, name).features(photos)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2], [2, 2, 2, 2]):
        np.testing.assert_array_equal(extractor(engine, name).features(photos[order]), features[order])


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_the_features_of_a_batch_do_not_depend_on_the_number_of_threads(engine: str) -> None:
    network = extractor(engine, "efficientnet_lite0")
    photos = photos_for(backbone_named("efficientnet_lite0"), 6)
    batches = [slice(start, start + 2) for start in range(0, 6, 2)]
    one, three = (
        list(batches_in_threads(lambda batch: network.features(photos[batch]), batches, number)) for number in (1, 3)
    )
    np.testing.assert_array_equal(one, three)


def test_an_export_is_silent_and_knows_nothing_of_this_machine(capfd: pytest.CaptureFixture[str]) -> None:
    network = random_photo_network("tiny")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = export_onnx(network)
    assert capfd.readouterr() == ("", "")
    assert model == export_onnx(network)
    assert b".py" not in model


def load(folder: Path, seed: int = 0, **config: str) -> LoadedNetwork:
    """`tiny` with weights from a file next to `folder`."""
    weights = folder.with_name(f"{folder.name}-{seed}.pth")
    torch.save(random_network(backbone_named("tiny"), seed).state_dict(), weights)
    choice = choose_network(ImagesConfig(backbone="tiny", device="cpu", **{"weights": str(weights)} | config))
    return load_network(choice, seed=0, folder=folder)


def test_the_export_is_kept_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "etsyml")
    first = load(tmp_path / "cache")
    assert names_in(tmp_path / "cache") == [f"tiny-{first.facts.weights_sha256[:12]}.onnx"]
    assert first.facts.engine == "onnx"
    assert caplog.messages[-1] == "tiny: ONNX Runtime on cpu, float32"

    monkeypatch.setattr(image_onnx, "export_onnx", pytest.fail)
    photos = photos_for(backbone_named("tiny"), 3)
    np.testing.assert_array_equal(load(tmp_path / "cache").extractor.features(photos), first.extractor.features(photos))


def test_another_networks_export_is_another_file(tmp_path: Path) -> None:
    load(tmp_path, seed=1)
    load(tmp_path, seed=2)
    assert len(names_in(tmp_path)) == 2


def with_other_numbers() -> bytes:
    tiny = backbone_named("tiny")
    return export_onnx(PhotoNetwork(tiny, random_network(tiny, seed=1)))


def with_other_photos() -> bytes:
    larger = random_photo_network("tiny")
    larger.size = 64
    return export_onnx(larger)


@pytest.mark.parametrize(
    "damaged",
    [lambda: exported_tiny()[:5000], lambda: b"", lambda: b"no model at all", with_other_numbers, with_other_photos],
)
def test_a_damaged_export_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: Callable[[], bytes]
) -> None:
    monkeypatch.setattr(image_onnx, "export_onnx", lambda network: exported_tiny())
    load(tmp_path)
    [name] = names_in(tmp_path)
    cached = tmp_path / name
    cached.write_bytes(damaged())
    assert load(tmp_path).facts.engine == "onnx"
    assert names_in(tmp_path) == [name]
    assert cached.read_bytes() == exported_tiny()


def wrong_numbers(network: PhotoNetwork) -> bytes:
    other = copy.deepcopy(network)
    other.mean += 1
    return export_onnx(other)


def no_numbers(network: PhotoNetwork) -> bytes:
    other = copy.deepcopy(network)
    other.std *= np.nan
    return export_onnx(other)


def no_luck(network: PhotoNetwork) -> bytes:
    raise RuntimeError("out of luck")


@pytest.mark.parametrize(
    ("export", "why"), [(wrong_numbers, "differ from torch"), (no_numbers, "by nan"), (no_luck, "out of luck")]
)
def test_an_export_that_cannot_be_trusted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: Callable[[PhotoNetwork], bytes], why: str
) -> None:
    monkeypatch.setattr(image_onnx, "export_onnx", export)
    with pytest.raises(MissingPartError, match=f"ONNX Runtime does not run this network .*{why}") as caught:
        load(tmp_path)
    assert caught.value.hint == "Use --set engine=torch."
    assert not names_in(tmp_path)


def test_random_weights_leave_no_export(tmp_path: Path) -> None:
    assert load(tmp_path, weights="none").facts.engine == "onnx"
    assert not names_in(tmp_path)


def test_an_export_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert load(tmp_path / "file").facts.engine == "onnx"
    assert "not cached" in caplog.text
