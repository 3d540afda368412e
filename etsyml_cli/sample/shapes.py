"""Silhouettes of things, as strokes on a square of 100 x 100, for `photos`.

The fill "body" is the listing's color, "shade" and "light" are darker and lighter; the others are fixed colors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["polygon", "ellipse", "rounded", "line", "arc", "half_disc"]
Fill = Literal["body", "shade", "light", "steel", "flame", "cream"]


@dataclass(frozen=True)
class Stroke:
    """One shape. `at` is the points of a polygon or line, else the bounding box; `width` is the line width."""

    kind: Kind
    at: tuple[float, ...]
    fill: Fill = "body"
    width: int = 0
    angles: tuple[int, int] = (0, 360)


def _beads() -> tuple[Stroke, ...]:
    centers = ((16, 18), (20, 33), (28, 47), (38, 58), (62, 58), (72, 47), (80, 33), (84, 18))
    return tuple(Stroke("ellipse", (x - 5, y - 5, x + 5, y + 5)) for x, y in centers)


def _fringe(x: int, y: int) -> tuple[Stroke, ...]:
    return tuple(Stroke("line", (x + step, y, x + step, y + 8), "shade", 2) for step in range(2, 20, 5))


SHAPES: dict[str, tuple[Stroke, ...]] = {
    "necklace": (
        Stroke("arc", (15, -40, 85, 64), "shade", 3, (0, 180)),
        *_beads(),
        Stroke("polygon", (50, 58, 66, 76, 50, 97, 34, 76)),
        Stroke("polygon", (50, 66, 57, 76, 50, 86, 43, 76), "light"),
    ),
    "ring": (
        Stroke("arc", (20, 32, 80, 94), "body", 11),
        Stroke("arc", (27, 39, 73, 87), "shade", 2),
        Stroke("polygon", (36, 6, 64, 6, 74, 18, 50, 40, 26, 18), "light"),
        Stroke("line", (26, 18, 74, 18), "shade", 2),
    ),
    "mug": (
        Stroke("arc", (54, 32, 94, 74), "body", 9),
        Stroke("rounded", (14, 18, 70, 88)),
        Stroke("ellipse", (14, 10, 70, 28), "shade"),
    ),
    "vase": (
        Stroke("polygon", (40, 8, 60, 8, 57, 32, 74, 46, 78, 62, 70, 82, 60, 94, 50, 94, 50, 8)),
        Stroke("polygon", (40, 8, 50, 8, 50, 94, 40, 94, 30, 82, 22, 62, 26, 46, 43, 32)),
        Stroke("ellipse", (37, 4, 63, 13), "shade"),
        Stroke("line", (24, 55, 76, 55), "light", 4),
        Stroke("line", (24, 66, 76, 66), "light", 4),
    ),
    "candle": (
        Stroke("ellipse", (18, 82, 82, 98), "steel"),
        Stroke("rounded", (36, 34, 64, 92)),
        Stroke("ellipse", (36, 30, 64, 39), "light"),
        Stroke("line", (50, 34, 50, 24), "shade", 2),
        Stroke("polygon", (50, 2, 57, 17, 54, 25, 46, 25, 43, 17), "flame"),
    ),
    "scarf": (
        Stroke("arc", (22, 2, 78, 50), "body", 17),
        Stroke("polygon", (34, 36, 54, 40, 40, 88, 18, 86)),
        Stroke("polygon", (52, 40, 70, 34, 82, 78, 62, 82), "shade"),
        Stroke("line", (28, 60, 48, 63), "light", 3),
        Stroke("line", (25, 70, 45, 73), "light", 3),
        *_fringe(18, 87),
        *_fringe(62, 80),
    ),
    "hat": (
        Stroke("half_disc", (14, 18, 86, 112), "body", 0, (180, 360)),
        Stroke("ellipse", (41, 5, 59, 23), "light"),
        Stroke("rounded", (10, 62, 90, 82), "shade"),
    ),
    "bag": (
        Stroke("arc", (30, 8, 70, 78), "shade", 6, (180, 360)),
        Stroke("polygon", (18, 40, 82, 40, 92, 94, 8, 94)),
        Stroke("polygon", (20, 40, 80, 40, 74, 62, 26, 62), "shade"),
        Stroke("ellipse", (45, 56, 55, 66), "steel"),
    ),
    "desk lamp": (
        Stroke("rounded", (18, 88, 66, 96)),
        Stroke("line", (40, 90, 22, 54, 54, 26), "shade", 5),
        Stroke("ellipse", (64, 38, 82, 54), "flame"),
        Stroke("polygon", (48, 10, 64, 8, 94, 40, 54, 56)),
    ),
    "print": (
        Stroke("polygon", (12, 4, 88, 4, 88, 96, 12, 96), "shade"),
        Stroke("polygon", (18, 10, 82, 10, 82, 90, 18, 90), "cream"),
        Stroke("polygon", (26, 20, 74, 20, 74, 80, 26, 80), "light"),
        Stroke("ellipse", (52, 26, 68, 42)),
        Stroke("polygon", (26, 80, 26, 62, 42, 42, 58, 64, 58, 80)),
        Stroke("polygon", (48, 80, 64, 52, 74, 64, 74, 80), "shade"),
    ),
    "pocket knife": (
        Stroke("polygon", (52, 50, 86, 4, 92, 8, 92, 24, 66, 58), "steel"),
        Stroke("polygon", (4, 84, 48, 42, 60, 44, 68, 56, 24, 98, 10, 96)),
        Stroke("ellipse", (50, 48, 60, 58), "steel"),
        Stroke("ellipse", (16, 84, 24, 92), "shade"),
    ),
    "wedding dress": (
        Stroke("line", (40, 18, 42, 2), "body", 3),
        Stroke("line", (60, 18, 58, 2), "body", 3),
        Stroke("polygon", (36, 14, 50, 20, 64, 14, 60, 42, 76, 66, 96, 96, 4, 96, 24, 66, 40, 42)),
        Stroke("polygon", (40, 39, 60, 39, 61, 46, 39, 46), "shade"),
        Stroke("line", (14, 82, 86, 82), "light", 3),
        Stroke("line", (46, 48, 34, 94), "shade", 1),
        Stroke("line", (54, 48, 66, 94), "shade", 1),
    ),
}
