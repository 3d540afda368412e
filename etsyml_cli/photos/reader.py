"""The image reader: opens the photos in a table, which may be untrusted files.

What is wrong with a photo becomes a PhotoError with one of STATUSES; in a batch, its number beside the others' pixels.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.photos.pixels import PhotoError, Preprocessing, decode_photo

STATUSES = (
    "sound",
    "missing",
    "outside the image root",
    "not a file",
    "unreadable",
    "empty",
    "not a photo",
    "too many pixels",
    "damaged",
)

AGAIN = "Is the disk still there? Run it again."

Pixels = NDArray[np.uint8]


def read_photos(
    root: Path, images: list[str], digests: list[bytes], wanted: Preprocessing, max_pixels: int
) -> tuple[Pixels, NDArray[np.int8]]:
    """The pixels (B, size, size, 3) of photos that have these digests, black if unreadable, and statuses (B,).

    A status counts into STATUSES: 0, or why the bytes are no picture. Raises InputError for a photo that is no longer
    what it was when its digest was taken: that says nothing about the photo.
    """
    pixels = np.zeros((len(images), wanted.size, wanted.size, 3), np.uint8)
    status = np.zeros(len(images), np.int8)
    for row, (image, digest) in enumerate(zip(images, digests, strict=True)):
        with _open_again(root, image) as file:
            try:
                pixels[row] = decode_photo(file, wanted, max_pixels)
            except PhotoError as error:
                status[row] = STATUSES.index(error.reason)
            file.seek(0)
            if hashlib.file_digest(file, "sha256").digest() != digest:
                raise InputError(f"{root / image}: changed while the photos were read", hint="Run it again.")
    return pixels, status


def read_photo(root: Path, image: str, wanted: Preprocessing, max_pixels: int) -> Pixels:
    """The pixels (size, size, 3) of the photo at `image` under `root`. Raises PhotoError."""
    with _open_photo(root, image) as file:
        return decode_photo(file, wanted, max_pixels)


def photo_digest(root: Path, image: str) -> tuple[bytes, int]:
    """SHA-256 and size in bytes of the photo at `image` under `root`. Raises PhotoError."""
    with _open_photo(root, image) as file:
        try:
            return hashlib.file_digest(file, "sha256").digest(), file.tell()
        except OSError as error:
            raise _photo_error(error) from None


def _open_again(root: Path, image: str) -> io.BufferedReader:
    try:
        return _open_photo(root, image)
    except PhotoError as error:
        raise InputError(f"{root / image}: now {error.reason}, and it was there just before", hint=AGAIN) from None


def _open_photo(root: Path, image: str) -> io.BufferedReader:
    """An ordinary file that has something in it and lies under `root` when `..` and links are followed."""
    try:
        path = os.path.realpath(root / image)
        if not Path(path).is_relative_to(os.path.realpath(root)):
            raise PhotoError("outside the image root")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe must not make us wait
    except OSError as error:
        raise _photo_error(error) from None
    except ValueError:  # a zero byte in the name
        raise PhotoError("unreadable") from None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise PhotoError("empty" if stat.S_ISREG(found.st_mode) else "not a file")


def _photo_error(error: OSError) -> Exception:
    """What is wrong with the photo; what is wrong with the machine (no memory, too many open files) stays an error."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return PhotoError("missing")
    if error.errno == errno.ENXIO:  # a socket
        return PhotoError("not a file")
    if error.errno in (errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return error
    return PhotoError("unreadable")
