"""The image reader: opens the photos in a table, which may be untrusted files.

An invalid photo raises a PhotoError with one of STATUSES; in a batch, the status is returned with the pixels.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.photos.other_names import other_names
from etsyml_cli.photos.pixels import UNSUPPORTED, PhotoError, Preprocessing, decode_photo

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
    *UNSUPPORTED,
)

RETRY_HINT = "Check the disk and run it again."

Pixels = NDArray[np.uint8]


def read_photos(
    root: Path, images: list[str], digests: list[bytes], preprocessing: Preprocessing, max_pixels: int
) -> tuple[Pixels, NDArray[np.int8]]:
    """The pixels (B, size, size, 3) of photos with these digests, black if unreadable, and statuses (B,).

    A status is an index into STATUSES: 0, or the reason why the bytes are not a picture. Raises InputError for a photo
    that changed after its digest was computed, because then its status is unknown.
    """
    pixels = np.zeros((len(images), preprocessing.size, preprocessing.size, 3), np.uint8)
    status = np.zeros(len(images), np.int8)
    for row, (image, digest) in enumerate(zip(images, digests, strict=True)):
        with _open_again(root, image) as file:
            try:
                pixels[row] = decode_photo(file, preprocessing, max_pixels)
            except PhotoError as error:
                status[row] = STATUSES.index(error.reason)
            file.seek(0)
            if hashlib.file_digest(file, "sha256").digest() != digest:
                raise InputError(f"{root / image}: changed while the photos were read", hint="Run it again.")
    return pixels, status


def read_photo(root: Path, image: str, preprocessing: Preprocessing, max_pixels: int) -> Pixels:
    """The pixels (size, size, 3) of the photo that `find_photo` finds. Raises PhotoError."""
    name, _, _ = find_photo(root, image)
    with _open_photo(root, name) as file:
        return decode_photo(file, preprocessing, max_pixels)


def photo_digest(root: Path, image: str) -> tuple[bytes, int]:
    """SHA-256 and size in bytes of the photo at `image` under `root`. Raises PhotoError."""
    with _open_photo(root, image) as file:
        try:
            return hashlib.file_digest(file, "sha256").digest(), file.tell()
        except OSError as error:
            raise _photo_error(error) from None


def find_photo(root: Path, image: str) -> tuple[str, bytes, int]:
    """Name, SHA-256 and size in bytes of the photo at `image` under `root`, or under another name if it is missing.

    Raises PhotoError.
    """
    try:
        return image, *photo_digest(root, image)
    except PhotoError as error:
        if error.reason != "missing":
            raise
    for other in other_names(image):
        with suppress(PhotoError):
            return other, *photo_digest(root, other)
    raise PhotoError("missing")


def _open_again(root: Path, image: str) -> io.BufferedReader:
    try:
        return _open_photo(root, image)
    except PhotoError as error:
        raise InputError(f"{root / image}: now {error.reason}, but it was readable before", hint=RETRY_HINT) from None


def _open_photo(root: Path, image: str) -> io.BufferedReader:
    """Open a regular, nonempty file under `root` (after resolving `..` and links)."""
    try:
        path = os.path.realpath(root / image)
        if not Path(path).is_relative_to(os.path.realpath(root)):
            raise PhotoError("outside the image root")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # do not wait for a named pipe
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
    """The error as an error of the photo; errors of the machine (no memory, too many open files) are raised again."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return PhotoError("missing")
    if error.errno == errno.ENXIO:  # a socket
        return PhotoError("not a file")
    if error.errno in (errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return error
    return PhotoError("unreadable")
