from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from etsyml_cli.core.rng import generator
from etsyml_cli.sample.photos import PIXELS, Look, draw_photo, outline
from etsyml_cli.sample.shapes import SHAPES
from etsyml_cli.sample.words import COLORS, MATERIALS, THINGS


def pixels(thing: str = "mug", color: str = "red", surface: str = "plain", **others: object) -> NDArray[np.float64]:
    look = Look(thing, COLORS[color], surface, style=int(others.get("style", 0)), quality=others.get("quality", 1.0))
    return np.asarray(draw_photo(look, generator(0, "photo", str(others.get("jitter", 1)))), dtype=np.float64)


def test_all_things_can_be_drawn() -> None:
    assert set(SHAPES) == {thing.name for thing in THINGS}
    for thing in SHAPES:
        assert pixels(thing).shape == (PIXELS, PIXELS, 3)


def test_the_photo_depends_on_the_random_draw() -> None:
    assert (pixels(jitter=1) == pixels(jitter=1)).all()
    assert (pixels(jitter=1) != pixels(jitter=2)).any()


@pytest.mark.parametrize("color", COLORS)
def test_the_color_of_a_thing_is_visible(color: str) -> None:
    middle = np.median(pixels("bag", color)[60:70, 40:56].reshape(-1, 3), axis=0)
    distance = {name: np.linalg.norm(middle - rgb) for name, rgb in COLORS.items()}
    assert min(distance, key=distance.__getitem__) == color


def test_the_outline_equals_pillows_max_filter() -> None:
    silhouette = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    expected = Image.fromarray(silhouette).filter(ImageFilter.MaxFilter(5))
    assert (np.asarray(outline(Image.fromarray(silhouette))) == np.asarray(expected)).all()


def test_a_good_photo_is_bright_and_sharp() -> None:
    good, poor = pixels(quality=1.0), pixels(quality=0.0)
    assert good.mean() > 1.4 * poor.mean()
    assert np.abs(np.diff(good, axis=0)).max() > 2 * np.abs(np.diff(poor, axis=0)).max()


def test_each_surface_and_each_style_looks_different() -> None:
    surfaces = [pixels(surface=surface) for surface in sorted(set(MATERIALS.values()))]
    styles = [pixels(style=style) for style in range(8)]
    for looks in (surfaces, styles):
        for i, one in enumerate(looks):
            assert all(np.abs(one - other).mean() > 0.2 for other in looks[:i])


def test_silhouettes_identify_the_thing() -> None:
    """The nearest mean of ten photos is usually that of the right thing."""
    things = list(SHAPES)
    photos = {thing: np.array([pixels(thing, jitter=j).mean(axis=2).ravel() for j in range(14)]) for thing in things}
    means = np.array([photos[thing][:10].mean(axis=0) for thing in things])
    right = [
        np.linalg.norm(means - photo, axis=1).argmin() == i
        for i, thing in enumerate(things)
        for photo in photos[thing][10:]
    ]
    assert np.mean(right) > 0.8
