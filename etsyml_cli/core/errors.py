"""Every failure that is the user's to mend, with the exit code the command line gives it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import islice

MOST_COMPARED = 5000  # ids; a second at most


class EtsymlError(Exception):
    """What went wrong and where, with what to do about it in `hint`. Any other exception is a bug."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EtsymlError):
    """A command, option, value or configuration key that does not exist or does not fit."""

    exit_code = 2


class InputError(EtsymlError):
    """An input that is missing, unreadable or of another schema."""

    exit_code = 3


class DataError(EtsymlError):
    """Data that was read well but is refused: too many bad rows, nothing left, one class only."""

    exit_code = 4


class MissingPartError(EtsymlError):
    """An optional package or a device that is not here; the hint holds the command that installs it."""

    exit_code = 5


class GateError(EtsymlError):
    """A quality gate (`--min ndcg@10=0.30`) that was missed."""

    exit_code = 6


class ShortageError(EtsymlError):
    """Too little memory or disk space."""

    exit_code = 7


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them where none is near."""
    known = sorted(known)
    near = nearest_word(word, known)
    if near is not None:
        return f"Did you mean {near!r}?"
    return f"Known here: {', '.join(known)}." if known else ""


def nearest_word(word: str, known: Sequence[str]) -> str | None:
    """The known word that is most like this one; None where none is near."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), None)


def like_this_id(wanted: str, ids: Iterable[str]) -> str:
    """A hint that names the id most like the wanted one, of the first MOST_COMPARED that begin or end as it does."""
    half = max(len(wanted) // 2, 1)
    begin, end = wanted[:half].lower(), wanted[-half:].lower()
    alike = (one for one in ids if (lower := one.lower()).startswith(begin) or lower.endswith(end))
    near = nearest_word(wanted, list(islice(alike, MOST_COMPARED)))
    return f"Did you mean {near!r}?" if near else "Is the id right, with its case?"
