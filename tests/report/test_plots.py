"""Plots: text is included and escaped for any names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from etsyml_cli.report.plots import COLORS, Plot, Series, svg_of, write_plot

HOSTILE = '<script>$\\frac{1}$</script> & "#c2571a" \u202e\u0000\u4e2d id="x"'


def plot_of(kind: str = "lines", **options: object) -> Plot:
    first = Series(name=HOSTILE, x=[1.0, 2.0, 3.0], y=[0.1, 0.3, 0.2], low=[0.05, 0.2, 0.1], high=[0.2, 0.4, 0.3])
    second = Series(name="second", x=[1.0, 2.0, 3.0], y=[0.2, 0.2, 0.2])
    return Plot(name="a-plot", title=HOSTILE, x=HOSTILE, y="y", series=[first, second], kind=kind, **options)  # type: ignore[arg-type]


class ParsedSvg(HTMLParser):
    def __init__(self, svg: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(svg)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.mark.parametrize("kind", ["lines", "points", "bars"])
@pytest.mark.parametrize("scale", ["linear", "log-x", "log-y", "log-log"])
def test_a_plot_contains_only_text_and_shapes(kind: str, scale: str) -> None:
    plot = plot_of(kind, scale=scale, diagonal=True)
    svg = svg_of(plot)
    shape = ParsedSvg(svg)
    assert set(shape.tags) <= {"svg", "defs", "g", "path", "use", "text", "tspan", "clippath", "rect"}
    shown = "".join(character for character in HOSTILE if character.isprintable())
    assert shape.texts.count(shown) == 2 and "second" in shape.texts  # in the legend and on the axis
    styles = [value or "" for name, value in shape.attributes if name == "style"]
    assert any("var(--series-1)" in style for style in styles)
    assert not any(color in style for color in COLORS for style in styles)
    assert "mathdefault" not in svg
    assert svg == svg_of(plot)


def test_names_are_tick_labels() -> None:
    plot = Plot(name="names", title="", x="", y="", series=[Series(name="s", x=["one", "<two>"], y=[1.0, 2.0])])
    assert {"one", "<two>"} <= set(ParsedSvg(svg_of(plot)).texts)


def test_ids_are_unique_across_plots() -> None:
    one, other = plot_of(), plot_of()
    other.name = "another"
    ids = [value for plot in (one, other) for name, value in ParsedSvg(svg_of(plot)).attributes if name == "id"]
    assert ids and len(ids) == len(set(ids))


def test_png_and_svg_files_are_reproducible(tmp_path: Path) -> None:
    write_plot(plot_of(), tmp_path)
    with Image.open(tmp_path / "a-plot.png") as picture:
        assert picture.format == "PNG" and picture.width > 600
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 10
    root = ET.parse(tmp_path / "a-plot.svg").getroot()
    assert "second" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    first = (tmp_path / "a-plot.svg").read_bytes()
    write_plot(plot_of(), tmp_path)
    assert (tmp_path / "a-plot.svg").read_bytes() == first
