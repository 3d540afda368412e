"""Errors that the user can fix, with the exit codes of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import islice

MAX_IDS_COMPARED = 5000  # takes at most a second


class EtsymlError(Exception):
    """A problem and its location in `message`, the remedy in `hint`. Any other exception is a bug."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EtsymlError):
    """Unknown or invalid command, option, value or configuration key."""

    exit_code = 2


class InputError(EtsymlError):
    """Input that is not found, not readable or has another schema."""

    exit_code = 3


class DataError(EtsymlError):
    """Data that can be read but not used: too many bad rows, no rows left, only one class."""

    exit_code = 4


class MissingPartError(EtsymlError):
    """Optional package or device that is not available; the hint contains the command that installs it."""

    exit_code = 5


class GateError(EtsymlError):
    """Quality gate (`--min ndcg@10=0.30`) that was not passed."""

    exit_code = 6


class ShortageError(EtsymlError):
    """Too little memory or disk space."""

    exit_code = 7


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint that names the most similar choice, or all choices if none is similar."""
    choices = sorted(choices)
    near = nearest_word(word, choices)
    if near is not None:
        return f"Did you mean {near!r}?"
    return f"Choose from: {', '.join(choices)}." if choices else ""


def nearest_word(word: str, choices: Sequence[str]) -> str | None:
    """The choice that is most similar to the word, None if none is similar."""
    return next(iter(difflib.get_close_matches(word, choices, n=1, cutoff=0.6)), None)


def like_this_id(name: str, ids: Iterable[str]) -> str:
    """A hint that names the most similar id among the first MAX_IDS_COMPARED with the same first or last half."""
    half = max(len(name) // 2, 1)
    begin, end = name[:half].lower(), name[-half:].lower()
    similar = (one for one in ids if (lower := one.lower()).startswith(begin) or lower.endswith(end))
    near = nearest_word(name, list(islice(similar, MAX_IDS_COMPARED)))
    return f"Did you mean {near!r}?" if near else "Check the id (ids are case-sensitive)."
