"""Text of a user's: small files read whole (configurations, maps, lists of users), and lines from a file or stdin."""

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
    """The whole file. Raises InputError where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None


@contextmanager
def open_lines(source: str) -> Iterator[BinaryIO]:
    """The bytes of a file of lines, or of stdin where `source` is "-"."""
    if source != STDIN:
        with Path(source).open("rb") as file:
            yield file
        return
    if sys.stdin.isatty():
        logger.info("reading JSON Lines from stdin, Ctrl-D ends them")
    yield sys.stdin.buffer


def numbered_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Those of the lines that hold anything, with their numbers from 1, without blanks around and byte order mark."""
    for number, line in enumerate(lines, start=1):
        if text := line.removeprefix(codecs.BOM_UTF8).strip():
            yield number, text
