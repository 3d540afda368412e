"""The image reader against paths and files that strangers left."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from PIL import Image

from etsyml_cli.features.photos import STATUSES, photo_digest, read_photo, read_photos
from etsyml_cli.features.pixels import PhotoError, Preprocessing

WANTED = Preprocessing(16, 1.0, "bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image root with one of everything; a secret photo lies beside it."""
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(root / "good.png")
    Image.new("RGB", (20, 20), "blue").save(root / "folder" / "deep.png")
    Image.new("RGB", (20, 20), "red").save(tmp_path / "secret.png")
    (root / "inside.png").symlink_to("good.png")
    (root / "escape.png").symlink_to("../secret.png")
    (root / "elsewhere").symlink_to(tmp_path)
    (root / "loop.png").symlink_to("loop.png")
    (root / "dangling.png").symlink_to("nowhere.png")
    (root / "empty.png").touch()
    (root / "text.png").write_text("hello")
    (root / "cut.png").write_bytes((root / "good.png").read_bytes()[:60])
    os.mkfifo(root / "pipe.png")
    return root


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("nowhere.png", "missing"),
        ("dangling.png", "missing"),
        ("good.png/deeper.png", "missing"),
        ("../secret.png", "outside the image root"),
        ("folder/../../secret.png", "outside the image root"),
        ("escape.png", "outside the image root"),
        ("elsewhere/secret.png", "outside the image root"),
        ("/etc/passwd", "outside the image root"),
        ("folder", "not a file"),
        ("", "not a file"),
        (".", "not a file"),
        ("pipe.png", "not a file"),
        ("loop.png", "unreadable"),
        ("zero\0byte.png", "unreadable"),
        ("x" * 5000, "unreadable"),
        ("empty.png", "empty"),
        ("text.png", "not a photo"),
        ("cut.png", "damaged"),
    ],
)
def test_each_bad_photo_has_its_reason(root: Path, image: str, reason: str) -> None:
    with pytest.raises(PhotoError) as caught:
        read_photo(root, image, WANTED, max_pixels=10**6)
    assert caught.value.reason == reason
    assert reason in STATUSES


@pytest.mark.parametrize("image", ["good.png", "folder/deep.png", "folder/../good.png", "inside.png"])
def test_what_stays_inside_the_root_is_read(root: Path, image: str) -> None:
    assert read_photo(root, image, WANTED, max_pixels=10**6).shape == (16, 16, 3)


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert read_photo(link, "good.png", WANTED, max_pixels=10**6).shape == (16, 16, 3)


def test_a_batch_keeps_its_order_and_marks_the_bad_ones(root: Path) -> None:
    images = ["good.png", "nowhere.png", "folder/deep.png", "pipe.png"]
    pixels, codes = read_photos(root, images, WANTED, max_pixels=10**6)
    assert [STATUSES[code] for code in codes] == ["sound", "missing", "sound", "not a file"]
    assert pixels[:, 0, 0].tolist() == [[255, 0, 0], [0, 0, 0], [0, 0, 255], [0, 0, 0]]


def test_the_digest_is_that_of_the_files_bytes(root: Path) -> None:
    content = (root / "good.png").read_bytes()
    assert photo_digest(root, "inside.png") == (hashlib.sha256(content).digest(), len(content))
    for image, reason in (("nowhere.png", "missing"), ("empty.png", "empty"), ("pipe.png", "not a file")):
        with pytest.raises(PhotoError, match=reason):
            photo_digest(root, image)
