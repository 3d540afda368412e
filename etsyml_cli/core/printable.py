"""Make external text safe for a terminal: no cursor movement, color change or reversal of text direction."""

from __future__ import annotations

_CONTROLS = [*range(9), *range(11, 32), *range(127, 160)]  # except tab and line feed
_DIRECTIONS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # embeddings, overrides and isolates of text direction
_REPLACEMENTS = dict.fromkeys([*_CONTROLS, *_DIRECTIONS], "\N{REPLACEMENT CHARACTER}")


def printable(text: str) -> str:
    """Replace each control character and each change of text direction by U+FFFD."""
    return text.translate(_REPLACEMENTS)
