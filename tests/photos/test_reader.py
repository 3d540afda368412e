"""The image reader against paths and files that strangers left."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etsyml_cli.core.errors import InputError
from etsyml_cli.photos.pixels import PhotoError, Preprocessing
from etsyml_cli.photos.reader import STATUSES, photo_digest, read_photos

WANTED = Preprocessing(16, 1.0, "bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image root with one photo of every kind; a secret photo is next to it."""
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


def look(root: Path, *images: str) -> tuple[np.ndarray, list[str]]:
    """Take the photos' digests, then read them: pixels and statuses. Raises PhotoError for what cannot be opened."""
    digests = [photo_digest(root, image)[0] for image in images]
    pixels, status = read_photos(root, list(images), digests, WANTED, max_pixels=10**6)
    return pixels, [STATUSES[code] for code in status]


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
    ],
)
def test_what_cannot_be_opened_has_its_reason(root: Path, image: str, reason: str) -> None:
    with pytest.raises(PhotoError) as caught:
        look(root, image)
    assert caught.value.reason == reason
    assert reason in STATUSES


@pytest.mark.parametrize("image", ["good.png", "folder/deep.png", "folder/../good.png", "inside.png"])
def test_what_stays_inside_the_root_is_read(root: Path, image: str) -> None:
    assert look(root, image)[1] == ["sound"]


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert look(link, "good.png")[1] == ["sound"]


def test_a_batch_keeps_its_order_and_marks_the_bad_ones(root: Path) -> None:
    pixels, status = look(root, "good.png", "text.png", "folder/deep.png", "cut.png")
    assert status == ["sound", "not a photo", "sound", "damaged"]
    assert pixels[:, 0, 0].tolist() == [[255, 0, 0], [0, 0, 0], [0, 0, 255], [0, 0, 0]]


@pytest.mark.parametrize(
    ("happen", "told"),
    [
        (lambda photo: photo.unlink(), "now missing, but it was readable before"),
        (lambda photo: photo.write_bytes(b""), "now empty"),
        (lambda photo: photo.write_bytes(b"cut"), "changed while"),
        (lambda photo: Image.new("RGB", (20, 20), "blue").save(photo), "changed while"),
    ],
)
def test_a_photo_that_changes_meanwhile_is_no_verdict_on_it(
    root: Path, happen: Callable[[Path], None], told: str
) -> None:
    digest, _ = photo_digest(root, "good.png")
    happen(root / "good.png")
    with pytest.raises(InputError, match=rf"good\.png: .*{told}"):
        read_photos(root, ["good.png"], [digest], WANTED, max_pixels=10**6)


def test_a_machine_in_trouble_is_no_verdict_on_a_photo(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_files_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", no_files_left)
    with pytest.raises(OSError, match="Too many open files"):
        photo_digest(root, "good.png")


def test_the_digest_is_that_of_the_files_bytes(root: Path) -> None:
    content = (root / "good.png").read_bytes()
    assert photo_digest(root, "inside.png") == (hashlib.sha256(content).digest(), len(content))
    for image, reason in (("nowhere.png", "missing"), ("empty.png", "empty"), ("pipe.png", "not a file")):
        with pytest.raises(PhotoError, match=reason):
            photo_digest(root, image)
