"""A new backbone is one file and one line in BACKBONES, as CONTRIBUTING.md describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etsyml_cli.photos.config import BACKBONES
from etsyml_cli.photos.store import features_facts
from tests.conftest import Etsyml

TOY = """
from torch import nn

from etsyml_cli.photos.backbones import Backbone
from etsyml_cli.photos.pixels import Preprocessing


def toy() -> Backbone:
    return Backbone(
        network=lambda: nn.Sequential(nn.Conv2d(3, 5, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)),
        head="3",
        layer="average pool",
        dimension=5,
        preprocessing=Preprocessing(16, 1.0, "bilinear", mean=(127.0,) * 3, std=(128.0,) * 3),
    )
"""


def test_a_new_backbone_is_one_file_and_one_line(
    shop: Path, tmp_path: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy_backbone.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BACKBONES, "toy", "toy_backbone:toy")

    inputs = ("--listings", shop / "listings.parquet", "--set", "engine=torch", "--device", "cpu", "--json")
    extracted = etsyml("-w", tmp_path / "work", "extract-images", "--backbone", "toy", *inputs)
    assert extracted.code == 0, extracted.err
    assert json.loads(extracted.out)["path"] == str(tmp_path / "work/features/images/toy")
    facts = features_facts(tmp_path / "work/features/images/toy")
    assert (facts.backbone, facts.layer, facts.dimension) == ("toy", "average pool", 5)

    refused = etsyml("-w", tmp_path / "work", "extract-images", "--backbone", "toys", *inputs)
    assert refused.code == 2
    assert "Did you mean 'toy'?" in refused.err
