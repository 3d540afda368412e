"""Other names of a photo: other systems write another Unicode form, other slashes, or endings in another case."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath


def other_names(image: str) -> list[str]:
    """The names under which the file of `image` may be found if it is not found as it is written, best first."""
    slashed = image.replace("\\", "/")
    forms = [unicodedata.normalize(form, name) for name in (image, slashed) for form in ("NFC", "NFD")]
    names = dict.fromkeys([slashed, *forms, *(name for form in forms for name in _with_other_ending(form))])
    return [name for name in names if name != image]


def _with_other_ending(name: str) -> Iterator[str]:
    ending = PurePosixPath(name).suffix
    if ending:
        yield from (name.removesuffix(ending) + other for other in (ending.lower(), ending.upper()))
