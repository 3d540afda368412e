"""How the core speaks: a logger for what happened and `progress` for what goes on.

Nothing here prints. The command line sets a handler, and a progress bar where a person looks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

logger = logging.getLogger("etsyml")

Advance = Callable[[int], None]
ProgressFactory = Callable[[str, int | None], AbstractContextManager[Advance]]

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_lines(what: str, total: int | None) -> Iterator[Advance]:
    """Progress as one log line every ten seconds, with the time left where the total is known."""
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
    """Let `factory` show progress from now on."""
    global _factory
    _factory = factory


def progress(what: str, total: int | None = None) -> AbstractContextManager[Advance]:
    """`with progress("rows", n) as advance: advance(1)` shows how far a long stage has come."""
    return _factory(what, total)
