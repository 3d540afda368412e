"""Thumbnails of listings' photos, small enough to embed in the page."""

from __future__ import annotations

import base64
import functools
import io
from pathlib import Path

import msgspec

from etsyml_cli.core.errors import EtsymlError
from etsyml_cli.io.tables import table_manifest
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.pixels import PhotoError, Preprocessing
from etsyml_cli.photos.reader import Pixels, read_photo

SIDE = 96  # pixels
QUALITY = 60  # of WebP, 0 … 100: about 2 kB per photo
PREPROCESSING = Preprocessing(size=SIDE, crop=1.0, resample="bicubic", mean=(0, 0, 0), std=(1, 1, 1))


class Photo(msgspec.Struct, frozen=True):
    """The photo of a listing: `image` is its path under the image root, None if it has no photo."""

    listing_id: str
    image: str | None


class Thumbnails:
    """Thumbnails of the photos of a workspace's listings, as data URIs."""

    def __init__(self, place: Workspace) -> None:
        self._root = image_root(place)
        self._cached = functools.cache(self._uri)

    def __call__(self, photo: Photo) -> str | None:
        """`data:image/webp;base64,…`, SIDE pixels wide; None if the photo is missing or cannot be read."""
        if self._root is None or photo.image is None:
            return None
        return self._cached(self._root, photo.image)

    def _uri(self, root: Path, image: str) -> str | None:
        try:
            pixels = read_photo(root, image, PREPROCESSING, ImagesConfig().max_pixels)
        except PhotoError:
            return None
        return f"data:image/webp;base64,{base64.b64encode(_webp(pixels)).decode()}"


def image_root(place: Workspace) -> Path | None:
    """The directory of the photos, as stored in the listings table; None if there is none."""
    listings = place.table("listings")
    try:
        root = table_manifest(listings).facts.get("image_root") if listings.exists() else None
    except EtsymlError:
        return None
    return None if root is None else listings.parent / root


def _webp(pixels: Pixels) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=QUALITY, method=4)
    return file.getvalue()
