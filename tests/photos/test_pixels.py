"""Decoding: what a photo looks like to the network, whatever file it came in."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from etsyml_cli.photos.pixels import PhotoError, Preprocessing, decode_photo

PLAIN = Preprocessing(32, 1.0, "bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)
CROPPED = Preprocessing(32, 0.5, "bicubic", mean=(0.0,) * 3, std=(1.0,) * 3)
RED = (255, 0, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def decoded(image: Image.Image, kind: str = "PNG", wanted: Preprocessing = PLAIN, **options: object) -> np.ndarray:
    return decode_photo(encoded(image, kind, **options), wanted, max_pixels=10**7)


def scene(width: int, height: int) -> Image.Image:
    """A smooth picture without symmetry, so that no turn of it looks like another."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1)
    blue = np.where((x < width / 3) & (y < height / 2), 255.0, 0.0)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (1, 1), (3, 500), (32, 32)])
def test_shape_is_always_the_same(size: tuple[int, int]) -> None:
    pixels = decoded(scene(*size))
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8


def test_takes_the_middle_square_times_crop() -> None:
    picture = Image.new("RGB", (80, 40), "black")
    picture.paste(RED, (30, 10, 50, 30))  # the middle 20 x 20: half of the shorter side
    assert (decoded(picture, wanted=CROPPED)[2:-2, 2:-2] == RED).all()  # bicubic overshoots at the rim only
    assert (decoded(picture)[0] == 0).all()


def test_equals_cropping_and_scaling_in_two_steps() -> None:
    picture = scene(100, 64)
    slow = picture.crop((34, 16, 66, 48)).resize((32, 32), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(decoded(picture, wanted=CROPPED), np.asarray(slow))


def test_a_large_jpeg_decoded_at_a_fraction_looks_the_same() -> None:
    picture = scene(1000, 800)
    slow = ImageOps.fit(picture, (32, 32), Image.Resampling.BILINEAR)
    difference = np.abs(decoded(picture, "JPEG", quality=95).astype(int) - np.asarray(slow).astype(int))
    assert difference.mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_photo_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = scene(60, 44)
    upright = ImageOps.exif_transpose(Image.open(encoded(stored, exif=exif)))
    got = decoded(stored, exif=exif).astype(int)
    assert np.abs(got - decoded(upright).astype(int)).max() <= 1
    if orientation > 1:
        assert np.abs(got - decoded(stored).astype(int)).max() > 100


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_lose_the_photo() -> None:
    picture = scene(40, 40)
    broken = decoded(picture, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\x00")
    np.testing.assert_array_equal(broken, decoded(picture, "JPEG"))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP", "JPEG", "MPO", "AVIF"])
def test_every_format_of_shops_is_read(kind: str) -> None:
    assert np.abs(decoded(Image.new("RGB", (40, 40), RED), kind).astype(int) - RED).max() < 6


def test_grey_palette_and_one_bit_become_rgb() -> None:
    assert (decoded(Image.new("L", (40, 40), 77)) == 77).all()
    assert (decoded(Image.new("1", (40, 40), 1)) == 255).all()
    assert (decoded(Image.new("RGB", (40, 40), RED).quantize(4)) == RED).all()


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    assert np.abs(decoded(red, "JPEG").astype(int) - RED).max() < 6


def test_grey_of_16_bits_keeps_its_shades() -> None:
    dark = Image.fromarray(np.full((40, 40), 0x4000, np.uint16))
    assert (decoded(dark) == 0x40).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (20, 0, 40, 40))
    pixels = decoded(clear.convert(mode))
    assert (pixels[:, :14] == 255).all()
    assert (pixels[:, -14:] == 0).all()


def test_half_transparent_mixes_with_white() -> None:
    assert np.abs(decoded(Image.new("RGBA", (40, 40), (0, 0, 0, 128))).astype(int) - 127).max() <= 1


def reason_for(data: bytes, max_pixels: int = 10**7) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_photo(io.BytesIO(data), PLAIN, max_pixels)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_truncated_file_is_damaged(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind).getvalue()
    assert reason_for(data[: len(data) // 2]) == "damaged"


@pytest.mark.parametrize("data", [b"\xff\xd8", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"not a photo" * 99])
def test_what_is_no_photo(data: bytes) -> None:
    assert reason_for(data) == "not a photo"


def test_too_many_pixels_are_refused_before_decoding() -> None:
    assert reason_for(encoded(Image.new("1", (3000, 3000))).getvalue(), max_pixels=8_999_999) == "too many pixels"
    decode_photo(encoded(Image.new("1", (3000, 3000))), PLAIN, max_pixels=9_000_000)


def test_the_limit_is_ours_alone() -> None:
    large = encoded(Image.new("1", (20_000, 10_000)))  # more than twice Pillow's default limit
    assert decode_photo(large, PLAIN, max_pixels=200_000_000).shape == (32, 32, 3)
