"""Decode a photo into the square of pixels for a network."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

# Common upload formats. Excluded on purpose: formats that run other programs (EPS) or rarely contain photos.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF")
UNSUPPORTED = {  # reason -> the first bytes of such photos, which Pillow may be unable to read
    "unsupported HEIC": re.compile(rb"....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL),
    "unsupported AVIF": re.compile(rb"....ftypavi[fs]", re.DOTALL),
    "unsupported TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
}

Image.MAX_IMAGE_PIXELS = None  # decode_photo has a limit of its own

# A JPEG decoded to exactly the target size gives features with cosines as low as .88 to those of the full photo.
DRAFT_MARGIN = 1.5
ORIENTATION_TAG = 0x0112
UPRIGHT = {  # EXIF orientation -> the transposition that makes the photo upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """The middle square of a photo, `crop` of its shorter side, scaled to size x size; then (x - mean) / std.

    x, mean and std are in 0-255; mean and std have one value each for red, green and blue.
    """

    size: int  # pixels
    crop: float
    resample: Literal["bicubic", "bilinear"]
    mean: Triple
    std: Triple


class PhotoError(Exception):
    """A photo that cannot be used; `reason` is one of photos.reader.STATUSES."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_photo(file: IO[bytes], preprocessing: Preprocessing, max_pixels: int) -> NDArray[np.uint8]:
    """The pixels (size, size, 3) of a photo: upright, in RGB, transparent parts on white. Raises PhotoError."""
    try:
        with Image.open(file, formats=FORMATS) as photo:
            if photo.width * photo.height > max_pixels:
                raise PhotoError("too many pixels")
            return _middle_square(photo, preprocessing)
    except (PhotoError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PhotoError(_unidentified(file)) from None
    except Exception:  # decoders raise many exceptions on broken bytes
        raise PhotoError("damaged") from None


def _unidentified(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(12)
    return next((reason for reason, pattern in UNSUPPORTED.items() if pattern.match(start)), "not a photo")


def _middle_square(photo: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Crop and scale in one step, and rotate last: its cost grows with the pixels, and the middle stays the middle."""
    enough = math.ceil(DRAFT_MARGIN * preprocessing.size / preprocessing.crop)
    photo.draft("RGB", (enough, enough))  # a large JPEG is decoded at 1/2, 1/4 or 1/8 of its size
    color = _in_color(photo)
    orientation = _orientation(photo)  # after the pixels: a broken PNG fails here too, and only once
    side = min(color.size) * preprocessing.crop
    left, top = (color.width - side) / 2, (color.height - side) / 2
    resample = Image.Resampling[preprocessing.resample.upper()]
    square = color.resize((preprocessing.size, preprocessing.size), resample, box=(left, top, left + side, top + side))
    if square.mode == "RGBA":
        square = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    if orientation in UPRIGHT:
        square = square.transpose(UPRIGHT[orientation])
    return np.asarray(square)


def _in_color(photo: Image.Image) -> Image.Image:
    """Convert to RGB, or RGBA if the photo has transparency."""
    if photo.mode.startswith("I"):  # 16-bit gray, which Pillow would turn into white
        return Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8)).convert("RGB")
    return photo.convert("RGBA" if photo.has_transparency_data else "RGB")


def _orientation(photo: Image.Image) -> int | None:
    try:
        return photo.getexif().get(ORIENTATION_TAG)
    except Exception:  # broken EXIF in a valid photo
        return None
