"""torchvision with a torch that it was not built for."""

from __future__ import annotations

import pytest
import torch

from etsyml_cli.core.errors import MissingPartError
from etsyml_cli.photos import torchvision_import
from etsyml_cli.photos.torchvision_import import import_torchvision


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
