"""The file of features: rows by listing, and damage that is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import Plan, artifact
from etsyml_cli.io.features import DONE, NOT_DONE, FeaturesDraft, ImageFeatures, read_image_features

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
UNREADABLE = 2


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Features of a, c and d; the photo of b was unreadable."""
    with artifact(tmp_path / "features", Plan(kind="features:images")) as draft:
        features = FeaturesDraft(draft.path, 4, 3, "float32")
        features.put(slice(0, 2), ROWS[0:2], np.array([DONE, UNREADABLE], np.int8))
        features.put(slice(2, 4), ROWS[2:4], np.array([DONE, DONE], np.int8))
        features.finish(["a", "b", "c", "d"])
        draft.facts["dimension"] = 3
    return tmp_path / "features"


def test_only_rows_that_are_done_are_kept(written: Path) -> None:
    features = read_image_features(written)
    assert features.ids == ["a", "c", "d"]
    np.testing.assert_array_equal(features.matrix, ROWS[[0, 2, 3]])
    assert features.facts == {"dimension": 3}


def test_the_file_is_the_one_that_numpy_writes(written: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "expected.npy", ROWS[[0, 2, 3]])
    assert (written / "features.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_a_draft_remembers_what_is_done(tmp_path: Path) -> None:
    features = FeaturesDraft(tmp_path, 100, 3, "float32")
    features.put(slice(0, 64), np.ones((64, 3)), np.zeros(64, np.int8))
    features.put(slice(64, 70), np.ones((6, 3)), np.zeros(6, np.int8))  # after the last checkpoint
    status = FeaturesDraft(tmp_path, 100, 3, "float32").status
    assert (status[:64] == DONE).all()
    assert (status[64:] == NOT_DONE).all()


def test_rows_for_says_where_each_listing_is() -> None:
    features = ImageFeatures(["b", "a"], np.zeros((2, 3)), {})
    rows = features.rows_for(["a", "x", "b", "a"])
    assert rows.tolist() == [1, -1, 0, 1]
    assert rows.dtype == np.int64
    assert features.rows_for([]).shape == (0,)


def test_missing_features_say_which_command_makes_them(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_image_features(tmp_path / "features")
    assert caught.value.hint == "Make it with: etsyml extract-images"


def test_another_artifact_is_not_taken_for_features(tmp_path: Path) -> None:
    with artifact(tmp_path / "other", Plan(kind="model:ltr")):
        pass
    with pytest.raises(InputError, match="expected features:images, found model:ltr"):
        read_image_features(tmp_path / "other")


def refusal_of(features: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_image_features(features)
    assert caught.value.hint == "Make it with: etsyml extract-images --force"
    return caught.value.message


def test_damaged_features_are_named(written: Path) -> None:
    file = written / "features.npy"
    whole = file.read_bytes()
    open_bracket, octal = whole.replace(b"(3, 3)", b"(3, 3 "), whole.replace(b"(3, 3)", b"(3, 03)")
    for damaged in (whole[:-4], whole[:20], b"", b"text", open_bracket, octal):
        file.write_bytes(damaged)
        assert "features: damaged" in refusal_of(written)
    file.unlink()
    assert "features.npy: No such file" in refusal_of(written)


@pytest.mark.parametrize("damaged", [b'["a", "c"', b"", b"[1, 2, 3]", b'{"a": 0}', b'["\xff", "c", "d"]'])
def test_damaged_ids_are_named(written: Path, damaged: bytes) -> None:
    (written / "ids.json").write_bytes(damaged)
    assert "features: damaged" in refusal_of(written)


def test_missing_ids_are_named(written: Path) -> None:
    (written / "ids.json").unlink()
    assert "ids.json: No such file" in refusal_of(written)


@pytest.mark.parametrize("other", [ROWS, ROWS[0, :3], ROWS[:3].astype("V4")])
def test_features_that_do_not_fit_their_ids_are_refused(written: Path, other: NDArray[Any]) -> None:
    np.save(written / "features.npy", other)
    assert "do not fit each other" in refusal_of(written)


def test_features_that_would_run_code_are_refused(written: Path) -> None:
    np.save(written / "features.npy", np.array([[Path("a")]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError):
        read_image_features(written)
