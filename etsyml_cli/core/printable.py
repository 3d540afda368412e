"""Foreign text made harmless for a terminal: what would move the cursor, change colors or turn the line around."""

from __future__ import annotations

_CONTROLS = [*range(9), *range(11, 32), *range(127, 160)]  # but for the tab and the line end
_TURNS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # embeddings, overrides and isolates of text direction
_HARMLESS = dict.fromkeys([*_CONTROLS, *_TURNS], "\N{REPLACEMENT CHARACTER}")


def printable(text: str) -> str:
    """The text with each control and each turn of direction replaced by a sign that shows that there was one."""
    return text.translate(_HARMLESS)
