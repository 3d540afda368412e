"""Draw synthetic photos that show the thing, its color and material, the style (backdrop) and the quality.

Photos of high quality are sharp and bright, those of low quality dark and blurred.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from etsyml_cli.sample.shapes import SHAPES, Stroke

PIXELS = 96
CANVAS = 3 * PIXELS  # drawn larger and then reduced, for smooth edges
GOLDEN = 0.618034  # golden ratio: hues of any number of styles are far apart

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Content of a photo: name of the thing, color, surface, index of the style, quality 0 … 1."""

    thing: str
    color: Rgb
    surface: str
    style: int
    quality: float


def draw_photo(look: Look, rng: np.random.Generator) -> Image.Image:
    """Draw an RGB photo of PIXELS x PIXELS; size, position and angle of the thing are random."""
    photo = _backdrop(look.style, rng)
    thing = _place(_draw_thing(look), rng)
    silhouette = thing.getchannel("A")
    photo.paste((40, 36, 32), mask=_shadow(silhouette))
    photo.paste((52, 46, 42), mask=outline(silhouette))
    photo.paste(thing, mask=silhouette)
    return _expose(photo.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS), look.quality, rng)


def _draw_thing(look: Look) -> Image.Image:
    thing = Image.new("RGBA", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(thing)
    fills = {
        "body": look.color,
        "shade": _mix(look.color, (20, 20, 20), 0.35),
        "light": _mix(look.color, (255, 255, 255), 0.45),
        "steel": (176, 182, 188),
        "flame": (255, 214, 90),
        "cream": (244, 238, 222),
    }
    for stroke in SHAPES[look.thing]:
        _draw_stroke(draw, stroke, fills[stroke.fill])
    surface = _surface(look.surface)
    thing.paste(fills["shade"], mask=ImageChops.multiply(surface, thing.getchannel("A")))
    return thing


def _draw_stroke(draw: ImageDraw.ImageDraw, stroke: Stroke, fill: Rgb) -> None:
    scale = CANVAS / 100
    at = [value * scale for value in stroke.at]
    width = round(stroke.width * scale)
    match stroke.kind:
        case "polygon":
            draw.polygon(at, fill=fill)
        case "ellipse":
            draw.ellipse(at, fill=fill)
        case "rounded":
            draw.rounded_rectangle(at, radius=CANVAS // 25, fill=fill)
        case "line":
            draw.line(at, fill=fill, width=width, joint="curve")
        case "arc":
            draw.arc(at, *stroke.angles, fill=fill, width=width)
        case "half_disc":
            draw.pieslice(at, *stroke.angles, fill=fill)


@cache
def _surface(kind: str) -> Image.Image:
    """The opacity of the shade at each pixel, for a kind of surface."""
    surface = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(surface)
    if kind == "grain":
        for y in range(0, CANVAS, 18):
            draw.line((0, y, CANVAS, y + 12), fill=130, width=4)
    elif kind == "weave":
        for step in range(0, 2 * CANVAS, 14):
            draw.line((step, 0, step - CANVAS, CANVAS), fill=110, width=4)
            draw.line((step - CANVAS, 0, step, CANVAS), fill=110, width=4)
    elif kind == "speckle":
        for i, x in enumerate(range(0, CANVAS, 16)):
            for y in range(8 * (i % 2), CANVAS, 16):
                draw.ellipse((x, y, x + 5, y + 5), fill=140)
    elif kind == "gloss":
        draw.polygon((CANVAS * 0.55, 0, CANVAS, 0, CANVAS, CANVAS, CANVAS * 0.75, CANVAS), fill=80)
    return surface


def _place(thing: Image.Image, rng: np.random.Generator) -> Image.Image:
    side = round(CANVAS * rng.uniform(0.72, 0.92))
    if rng.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    thing = thing.resize((side, side), Image.Resampling.BILINEAR)
    thing = thing.rotate(rng.uniform(-14, 14), Image.Resampling.BICUBIC, expand=True)
    margin = (CANVAS - thing.width) / 2
    shift = rng.uniform(-0.06, 0.06, 2) * CANVAS
    canvas = Image.new("RGBA", (CANVAS, CANVAS))
    canvas.paste(thing, (round(margin + shift[0]), round(margin + shift[1])))
    return canvas


def _shadow(silhouette: Image.Image) -> Image.Image:
    shifted = ImageChops.offset(silhouette, CANVAS // 36, CANVAS // 30)
    return shifted.filter(ImageFilter.GaussianBlur(CANVAS // 36)).point(lambda alpha: alpha // 2)


def outline(silhouette: Image.Image) -> Image.Image:
    """The maximum of 5 x 5 pixels of a square gray image: Pillow's MaxFilter(5), ten times as fast."""
    gray = np.pad(np.asarray(silhouette), 2)
    rows = np.maximum.reduce([gray[i : i + silhouette.height] for i in range(5)])
    return Image.fromarray(np.maximum.reduce([rows[:, i : i + silhouette.width] for i in range(5)]))


def _backdrop(style: int, rng: np.random.Generator) -> Image.Image:
    hue = style * GOLDEN % 1
    ground = _from_hls(hue, 0.76 + rng.uniform(-0.03, 0.03), 0.30)
    figure = _from_hls(hue, 0.64, 0.34)
    backdrop = Image.new("RGB", (CANVAS, CANVAS), ground)
    draw = ImageDraw.Draw(backdrop)
    start = int(rng.integers(0, 36))
    pattern = style % 4
    for x in range(start - 36, CANVAS, 36):
        if pattern == 1:
            draw.rectangle((x, 0, x + 16, CANVAS), fill=figure)
        elif pattern == 2:
            draw.rectangle((0, x, CANVAS, x + 5), fill=figure)
        elif pattern == 3:
            for y in range(start - 36, CANVAS, 36):
                draw.ellipse((x, y, x + 13, y + 13), fill=figure)
    return backdrop


def _expose(photo: Image.Image, quality: float, rng: np.random.Generator) -> Image.Image:
    """Blur and darken the photo according to its quality."""
    photo = photo.filter(ImageFilter.GaussianBlur(1.5 * (1 - quality) ** 2))
    photo = ImageEnhance.Contrast(photo).enhance(0.7 + 0.35 * quality)
    return ImageEnhance.Brightness(photo).enhance(0.55 + 0.5 * quality + rng.uniform(-0.04, 0.04))


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _from_hls(hue: float, lightness: float, saturation: float) -> Rgb:
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, lightness, saturation))
    return red, green, blue
