"""Parse paths of photos, relative to the image root: one path, or a list of them."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from etsyml_cli.ingest.formats.files import InputFile
from etsyml_cli.ingest.values.lists import list_in_text
from etsyml_cli.io.rejects import BadValueError, Reason

CONTROL = r"[\x00-\x1f\x7f]"

_CONTROL = re.compile(CONTROL)
_URL = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//[^/]|\s*data:", re.IGNORECASE)
_PHOTO = re.compile(r".+\.(?:jpe?g|jfif|png|webp|gif|bmp|avif|tiff?|heic|heif)(?:\?.*)?\s*", re.IGNORECASE | re.DOTALL)


def photo_path(value: Any, image_root: str) -> str:
    """The path relative to the image root (absolute). Raises BadValueError."""
    if isinstance(value, str) and _URL.match(value):
        raise BadValueError(Reason.URL)
    if not isinstance(value, str) or _CONTROL.search(value.strip()):
        raise BadValueError(Reason.NOT_A_PATH)
    absolute = os.path.normpath(os.path.join(image_root, value.strip()))  # noqa: PTH118  a string operation
    if os.path.commonpath([absolute, image_root]) != image_root or absolute == image_root:
        raise BadValueError(Reason.PATH_OUTSIDE_ROOT)
    return os.path.relpath(absolute, image_root)


def expect_one_path(value: Any, image_root: str) -> None:
    """Raises BadValueError if the value is a list, or a text that lists several paths."""
    if isinstance(value, str) and list_in_text(value) is None and split_at_commas(value, image_root) is None:
        return
    if isinstance(value, str | list):
        raise BadValueError(Reason.LIST_OF_PATHS)


def photo_parts(value: Any, image_root: str) -> list[Any]:
    """The elements of a list, or of a text that is a list or is split at `|`. Raises BadValueError for other types."""
    parts = _parts(value, image_root) if isinstance(value, str) else value
    if not isinstance(parts, list) or any(isinstance(part, list) for part in parts):
        raise BadValueError(Reason.NOT_A_PATH)
    return parts


def split_at_commas(text: str, image_root: str) -> list[str] | None:
    """The names in a text such as `a.jpg, b.webp`; None if it names one file.

    It does if that file exists, or if a part has no suffix of photos: names of files may contain commas.
    """
    if "," not in text and ";" not in text:
        return None
    names = [name for name in re.split("[,;]", text) if name.strip()]
    if len(names) < 2 or not all(map(_PHOTO.fullmatch, names)):
        return None
    return None if os.path.exists(os.path.join(image_root, text.strip())) else names  # noqa: PTH110, PTH118


def _parts(text: str, image_root: str) -> list[Any]:
    elements = list_in_text(text)
    if elements is not None:
        return elements
    return text.split("|") if "|" in text else split_at_commas(text, image_root) or [text]


def download_hint(file: InputFile) -> str:
    """How to get files for the URLs in this file. wget -x names a photo like its URL without `https://`."""
    if file.format == "parquet" or not file.path.is_file():
        return "Photos are read from files: download them, and give their paths."
    content = f"zcat -f {shlex.quote(str(file.path))}"
    urls = r"""'https?://[^" ,;|<]+\.(jpe?g|png|webp|gif)[^" ,;|<]*'"""
    return (
        f"Photos are read from files. Download them, and give their paths with --image-root photos:\n  "
        f"{content} | grep -oE {urls} | sort -u | wget -x -P photos -i -\n  "
        f"{content} | sed -E 's#https?://##g' > with_photos.{file.format}\n "
    )
