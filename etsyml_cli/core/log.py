"""The logger of the package, and `progress` for long-running stages.

This module does not print. The command line adds a log handler, and a progress bar on a terminal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

logger = logging.getLogger("etsyml")

Advance = Callable[[int], None]
ONCE = {"once": True}  # `extra` of a message that a command shows only once, however often it is logged
ProgressFactory = Callable[[str, int | None], AbstractContextManager[Advance]]

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_lines(what: str, total: int | None) -> Iterator[Advance]:
    """Log one line every ten seconds, with the remaining time if the total is known."""
    started = last = time.monotonic()
    done = 0

    def advance(n: int = 1) -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if now - last < SECONDS_BETWEEN_LINES:
            return
        last = now
        of_total = f" of {total:,}" if total else ""
        left = f", {(now - started) * (total - done) / done:.0f} s left" if total and done else ""
        logger.info("%s: %s%s%s", what, f"{done:,}", of_total, left)

    yield advance


_factory: ProgressFactory = progress_lines


def show_progress_with(factory: ProgressFactory) -> None:
    """Use `factory` to show progress."""
    global _factory
    _factory = factory


def progress(what: str, total: int | None = None) -> AbstractContextManager[Advance]:
    """`with progress("rows", n) as advance: advance(1)` shows the progress of a long stage."""
    return _factory(what, total)
