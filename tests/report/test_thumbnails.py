"""Thumbnails: small embedded WebP images."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.thumbnails import Photo, Thumbnails
from tests.photo_shop import write_listings

PREFIX = "data:image/webp;base64,"


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    work = Workspace(tmp_path / "work")
    (work.root / "tables" / "photos").mkdir(parents=True)
    Image.new("RGB", (400, 200), "red").save(work.root / "tables/photos/wide.png")
    (work.root / "tables/photos/damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (work.root / "tables/outside.png").write_bytes((work.root / "tables/photos/wide.png").read_bytes())
    write_listings(work.table("listings"), {"L1": "wide.png"})
    return work


def test_thumbnails_are_96_pixel_squares(place: Workspace) -> None:
    uri = Thumbnails(place)(Photo("L1", "wide.png"))
    assert uri is not None and uri.startswith(PREFIX)
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(PREFIX)))) as photo:
        assert (photo.format, photo.size) == ("WEBP", (96, 96))
        red, green, blue = photo.convert("RGB").getpixel((48, 48))
        assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("image", [None, "none.png", "damaged.png", "../outside.png", "/etc/passwd"])
def test_missing_damaged_and_outside_files_have_no_thumbnail(place: Workspace, image: str | None) -> None:
    assert Thumbnails(place)(Photo("L1", image)) is None


def test_without_listings_there_are_no_thumbnails(tmp_path: Path) -> None:
    assert Thumbnails(Workspace(tmp_path))(Photo("L1", "wide.png")) is None
