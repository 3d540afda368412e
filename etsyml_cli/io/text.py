"""Small text files of a user's: configurations, maps, lists of users."""

from __future__ import annotations

from pathlib import Path

from etsyml_cli.core.errors import InputError


def read_text(path: Path) -> str:
    """The whole file. Raises InputError where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
