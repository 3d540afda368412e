"""A zoo of hostile and odd images, one of each kind, in one shop: no batch is lost, each bad one is one line."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etsyml_cli.photos.store import read_image_features
from tests.conftest import Etsyml
from tests.photo_shop import write_listings

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
TURNED = Image.Exif()
TURNED[0x0112] = 6


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def with_a_broken_stream(png: bytes) -> bytes:
    place = png.index(b"IDAT") + 4
    return png[:place] + bytes([png[place] ^ 0xFF]) + png[place + 1 :]


JPEG, PNG, GIF, WEBP = (encoded(NOISE, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP"))
TIFF = encoded(NOISE, "TIFF")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)
FRAMES = [NOISE, Image.new("RGB", NOISE.size)]

FILES = {
    "sound.jpg": JPEG,
    "png called jpg.jpg": PNG,
    "no extension": WEBP,
    "turned.jpg": encoded(NOISE, "JPEG", exif=TURNED),
    "broken exif.jpg": encoded(NOISE, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\x00"),
    "progressive.jpg": encoded(NOISE, "JPEG", progressive=True),
    "cmyk.jpg": encoded(NOISE.convert("CMYK"), "JPEG"),
    "grey.png": encoded(NOISE.convert("L")),
    "16 bits.png": encoded(Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20)),
    "1 bit.png": encoded(NOISE.convert("1")),
    "palette.png": encoded(NOISE.quantize(16)),
    "clear palette.gif": encoded(NOISE.quantize(16), "GIF", transparency=3),
    "rgba.png": encoded(NOISE.convert("RGBA")),
    "moving.gif": encoded(NOISE, "GIF", save_all=True, append_images=FRAMES),
    "one pixel.png": encoded(NOISE.resize((1, 1))),
    "a line.png": encoded(NOISE.resize((4000, 1))),
    "trailing bytes.jpg": JPEG + b"\0" * 999,
    "scan.tiff": TIFF,
    "turned scan.tif": encoded(NOISE, "TIFF", exif=TURNED),
    "16 bits.tiff": encoded(Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20), "TIFF"),
    "cmyk.tiff": encoded(NOISE.convert("CMYK"), "TIFF", compression="tiff_lzw"),
    "ünïcode, with | and a newline\n.png": PNG,
}
BAD_FILES = {
    "zero bytes.jpg": (b"", "empty"),
    "text.jpg": (b"this is no photo\n" * 99, "not a photo"),
    "page.jpg": (b"<!doctype html><html><body>404</body></html>", "not a photo"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a photo"),
    "program.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not a photo"),
    "phone.heic": (HEIC, "unsupported HEIC"),
    "phone called jpg.jpg": (HEIC, "unsupported HEIC"),
    "odd.tiff": (TIFF[:4] + bytes(99), "unsupported TIFF"),
    "big.tiff": (b"MM\0+\0\x08\0\0" + bytes(99), "unsupported TIFF"),
    "odd.avif": (b"\0\0\0\x1cftypavis" + bytes(99), "unsupported AVIF"),
    "signature only.jpg": (b"\xff\xd8\xff\xe0", "not a photo"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "damaged"),
    "cut.png": (PNG[: len(PNG) // 2], "damaged"),
    "cut.gif": (GIF[: len(GIF) // 2], "damaged"),
    "cut.webp": (WEBP[: len(WEBP) // 2], "damaged"),
    "broken stream.png": (with_a_broken_stream(PNG), "damaged"),
    "50 megapixels.png": (encoded(Image.new("1", (8000, 6250))), "too many pixels"),
    "50 megapixels.jpg": (encoded(Image.new("L", (8000, 6250)), "JPEG"), "too many pixels"),
    "400 megapixels.png": (encoded(Image.new("1", (20_000, 20_000))), "too many pixels"),
}
PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "nowhere.jpg": (lambda path: None, "missing"),
    "dangling.jpg": (lambda path: path.symlink_to("nowhere.jpg"), "missing"),
    "loop.jpg": (lambda path: path.symlink_to("loop.jpg"), "unreadable"),
    "link out.jpg": (lambda path: path.symlink_to("../secret.jpg"), "outside the image root"),
    "link to a device.jpg": (lambda path: path.symlink_to("/dev/zero"), "outside the image root"),
    "../secret.jpg": (lambda path: path.write_bytes(JPEG), "outside the image root"),
    "/etc/hostname": (lambda path: None, "outside the image root"),
    "pipe.jpg": (os.mkfifo, "not a file"),
    "folder.jpg": (Path.mkdir, "not a file"),
    "x" * 300 + ".jpg": (lambda path: None, "unreadable"),
}


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A listing for each animal, the bad ones between the sound ones."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, content in FILES.items():
        (photos / name).write_bytes(content)
    for name, (content, _) in BAD_FILES.items():
        (photos / name).write_bytes(content)
    for name, (make, _) in PLACES.items():
        make(photos / name)
    animals = sorted([*FILES, *BAD_FILES, *PLACES], key=lambda name: hash_of(name))
    write_listings(tmp_path / "listings.parquet", {f"the {name}": name for name in animals})
    return tmp_path


def hash_of(name: str) -> int:
    return sum(ord(letter) * place for place, letter in enumerate(name, start=7)) % 101


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_each_bad_animal_is_one_line_and_each_sound_one_a_row(zoo: Path, etsyml: Etsyml) -> None:
    line = ["extract-images", "--backbone", "tiny", "--set", "engine=torch", "--listings", zoo / "listings.parquet"]
    ended = etsyml(*line, "--out", zoo / "features")
    assert ended.code == 0, ended.err
    rejects = [json.loads(line) for line in (zoo / "features/rejects.jsonl").read_text().splitlines()]
    expected = {name: reason for animals in (BAD_FILES, PLACES) for name, (_, reason) in animals.items()}
    assert {reject["image"]: reject["reason"] for reject in rejects} == expected
    assert len(rejects) == len(expected)
    assert all(reject["listing_id"] == f"the {reject['image']}" for reject in rejects)

    features = read_image_features(zoo / "features")
    assert sorted(features.ids) == sorted(f"the {name}" for name in FILES)
    for name, content in FILES.items():
        alone = zoo / "photos" / "alone"
        alone.write_bytes(content)
        write_listings(zoo / "alone.parquet", {"alone": "alone"})
        assert etsyml(*line[:-1], zoo / "alone.parquet", "--out", zoo / "alone", "--force").code == 0
        expected_row = read_image_features(zoo / "alone").matrix
        np.testing.assert_array_equal(features.matrix[features.rows_for([f"the {name}"])], expected_row)
