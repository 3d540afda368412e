"""The file of features: rows by listing, and damage that is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import Plan, artifact
from etsyml_cli.io.model import save_ids
from etsyml_cli.photos.store import ImageFacts, ImageFeatures, PhotoRows, made_by, read_image_features, write_matrix

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
UNREADABLE = 2
FACTS = ImageFacts(
    backbone="vgg19",
    layer="fc7 after ReLU",
    weights_sha256="dcbb9e9d" * 8,
    svd_sha256=None,
    normalize=False,
    dimension=3,
)
STORED = msgspec.to_builtins(FACTS) | {"engine": "onnx"}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Features of a, c and d."""
    with artifact(tmp_path / "features", Plan(kind="features:images")) as draft:
        write_matrix(draft.path / "features.npy", [ROWS[[0]], ROWS[2:4]], (3, 3), "float32")
        save_ids(draft.path, "ids", ["a", "c", "d"])
        draft.facts = STORED
    return tmp_path / "features"


def test_written_features_are_read_back(written: Path) -> None:
    features = read_image_features(written)
    assert features.ids == ["a", "c", "d"]
    np.testing.assert_array_equal(features.matrix, ROWS[[0, 2, 3]])
    assert isinstance(features.matrix, np.memmap)
    assert features.facts == FACTS


def test_the_file_is_the_one_that_numpy_writes(written: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "expected.npy", ROWS[[0, 2, 3]])
    assert (written / "features.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_features_of_another_network_or_reduction_have_another_origin() -> None:
    assert made_by(FACTS) == "vgg19 (fc7 after ReLU, weights dcbb9e9ddcbb)"
    reduced = replace(FACTS, svd_sha256="0123456789abcdef", dimension=64, normalize=True)
    assert made_by(reduced) == made_by(FACTS) + " reduced to 64 by SVD 0123456789ab, normalized"
    others = [
        replace(FACTS, **other) for other in ({"backbone": "vgg16"}, {"layer": "fc6"}, {"weights_sha256": "f" * 64})
    ]
    assert len({made_by(facts) for facts in [FACTS, reduced, *others]}) == 5


def photo_rows(directory: Path) -> PhotoRows:
    return PhotoRows(directory, n_photos=8, dimension=3, batch_size=2)


def appended(directory: Path) -> PhotoRows:
    """Six of eight photos are done, the second was unreadable."""
    rows = photo_rows(directory)
    rows.append(ROWS[0:2], np.array([0, UNREADABLE], np.int8))
    rows.append(ROWS[2:4], np.array([0, 0], np.int8))
    rows.append(ROWS[0:2], np.array([0, 0], np.int8))
    return rows


def test_rows_outlive_the_process(tmp_path: Path) -> None:
    appended(tmp_path)
    rows = photo_rows(tmp_path)
    assert rows.status().tolist() == [0, UNREADABLE, 0, 0, 0, 0]
    np.testing.assert_array_equal(rows.take(np.array([0, 1, 2, 4, 0])), ROWS[[0, 2, 3, 1, 0]])


@pytest.mark.parametrize(("file", "row_or_photo"), [("rows.partial", 12), ("status.partial", 1)])
@pytest.mark.parametrize("cut", range(7))
def test_what_was_cut_off_anywhere_is_dropped_to_the_last_whole_batch(
    tmp_path: Path, file: str, row_or_photo: int, cut: int
) -> None:
    appended(tmp_path)
    path = tmp_path / file
    with path.open("r+b") as opened:
        opened.truncate(max(0, path.stat().st_size - cut * row_or_photo // 2))
    rows = photo_rows(tmp_path)
    n_done = len(rows.status())
    assert n_done % 2 == 0
    assert n_done < 6 if cut * row_or_photo // 2 else n_done == 6
    for start in range(n_done, 6, 2):
        rows.append(ROWS[start % 4 : start % 4 + 2], np.array([0, 0 if start else UNREADABLE], np.int8))
    assert rows.status().tolist() == [0, UNREADABLE, 0, 0, 0, 0]
    np.testing.assert_array_equal(rows.take(np.arange(5)), ROWS[[0, 2, 3, 0, 1]])


def test_a_last_batch_that_is_not_full_is_kept(tmp_path: Path) -> None:
    rows = PhotoRows(tmp_path, n_photos=3, dimension=3, batch_size=2)
    rows.append(ROWS[0:2], np.zeros(2, np.int8))
    rows.append(ROWS[2:3], np.zeros(1, np.int8))
    assert len(PhotoRows(tmp_path, n_photos=3, dimension=3, batch_size=2).status()) == 3


def test_rows_for_returns_the_row_of_each_listing() -> None:
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
    assert "are inconsistent" in refusal_of(written)


def test_features_that_would_run_code_are_refused(written: Path) -> None:
    np.save(written / "features.npy", np.array([[Path("a")]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError):
        read_image_features(written)


@pytest.mark.parametrize("facts", [{}, STORED | {"weights_sha256": None}, STORED | {"dimension": "3"}])
def test_a_manifest_without_the_facts_of_the_features_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    with artifact(tmp_path / "features", Plan(kind="features:images")) as draft:
        draft.facts = facts
    message = refusal_of(tmp_path / "features")
    assert "manifest.json" in message and ("missing required field" in message or "Expected `" in message)


def test_two_rows_of_one_listing_are_refused(written: Path) -> None:
    (written / "ids.json").write_text('["a", "c", "a"]')
    assert "are inconsistent" in refusal_of(written)
