"""The photo features that a command uses if a workspace has several."""

from __future__ import annotations

from pathlib import Path

import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.io.artifact import Plan, artifact
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.choose import features_of_model, features_to_train_on
from etsyml_cli.photos.store import ImageFacts, made_by

FACTS = {"layer": "pool", "weights_sha256": "0" * 64, "svd_sha256": None, "normalize": False, "dimension": 3}


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def extracted(place: Workspace, *backbones: str) -> None:
    for backbone in backbones:
        with artifact(place.images(backbone), Plan(kind="features:images")) as draft:
            draft.facts = FACTS | {"backbone": backbone}


def trained(place: Workspace, photos: str | None) -> Path:
    with artifact(place.model("ltr"), Plan(kind="model:ltr")) as draft:
        draft.facts = {"photos": photos}
    return place.model("ltr")


def test_unfinished_features_and_exported_networks_are_none(place: Workspace) -> None:
    assert place.all_images() == []
    extracted(place, ".vgg19.partial")  # whole but hidden: what was replaced, on its way out
    place.images("tiny").mkdir()
    place.images("vgg19-0123456789ab.onnx").touch()
    assert place.all_images() == []


def test_the_only_features_are_trained_on(place: Workspace) -> None:
    assert features_to_train_on(place.all_images()) is None
    extracted(place, "vgg19")
    assert features_to_train_on(place.all_images()) == place.images("vgg19")


def test_of_several_the_default_network_is_used_and_logged(place: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "etsyml")
    extracted(place, "vgg19", "efficientnet_lite0", "tiny")
    assert features_to_train_on(place.all_images()) == place.images("efficientnet_lite0")
    assert f"choose others with --images: {place.images('tiny')}, {place.images('vgg19')}" in caplog.text


def test_without_the_default_one_must_be_named(place: Workspace) -> None:
    extracted(place, "vgg19", "tiny")
    with pytest.raises(UsageError, match=r"several photo features found: .*tiny, .*vgg19"):
        features_to_train_on(place.all_images())


def test_whole_features_go_before_reduced_ones(place: Workspace) -> None:
    for dim, sha256 in ((None, None), (64, "1" * 64), (8, "2" * 64)):
        with artifact(place.images("efficientnet_lite0", dim), Plan(kind="features:images")) as draft:
            draft.facts = FACTS | {"backbone": "efficientnet_lite0", "svd_sha256": sha256}
    assert [path.name for path in place.all_images()] == [f"efficientnet_lite0{end}" for end in ("", "-64", "-8")]
    assert features_to_train_on(place.all_images()) == place.images("efficientnet_lite0")
    with pytest.raises(UsageError, match="several photo features found"):
        features_to_train_on(place.all_images()[1:])


def test_a_model_finds_its_own(place: Workspace) -> None:
    extracted(place, "vgg19", "efficientnet_lite0", "tiny")
    model = trained(place, made_by(ImageFacts(**FACTS, backbone="tiny")))
    assert features_of_model(model, place.all_images()) == place.images("tiny")


@pytest.mark.parametrize("photos", [None, "resnet50 (average pool, weights ffffffffffff)"])
def test_where_none_fits_the_first_is_taken_for_the_error_to_name(place: Workspace, photos: str | None) -> None:
    model = trained(place, photos)
    assert features_of_model(model, place.all_images()) is None
    extracted(place, "vgg19", "tiny")
    assert features_of_model(model, place.all_images()) == place.images("tiny")
    assert features_of_model(place.model("lda"), place.all_images()) == place.images("tiny")


def test_other_damaged_features_are_reported_and_kept(place: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    extracted(place, "efficientnet_lite0", "tiny", "vgg19")
    (place.images("tiny") / "manifest.json").write_text("")
    assert features_to_train_on(place.all_images()) == place.images("efficientnet_lite0")
    model = trained(place, made_by(ImageFacts(**FACTS, backbone="vgg19")))
    assert features_of_model(model, place.all_images()) == place.images("vgg19")
    assert "tiny" in caplog.text
