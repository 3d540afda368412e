"""Read the user's text files: small files at once (configurations, maps, user lists), lines from a file or stdin."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import logger

STDIN = "-"


def read_text(path: Path) -> str:
    """The text of the file. Raises InputError if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None


@contextmanager
def open_lines(source: str) -> Iterator[BinaryIO]:
    """Open a file in binary mode, or stdin if `source` is "-"."""
    if source != STDIN:
        with Path(source).open("rb") as file:
            yield file
        return
    if sys.stdin.isatty():
        logger.info("reading JSON Lines from stdin, end with Ctrl-D")
    yield sys.stdin.buffer


def numbered_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The non-blank lines with their 1-based numbers, stripped of white space and byte order mark."""
    for number, line in enumerate(lines, start=1):
        if text := line.removeprefix(codecs.BOM_UTF8).strip():
            yield number, text
