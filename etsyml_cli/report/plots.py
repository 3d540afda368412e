"""Plots as plain data, drawn with matplotlib: SVG in the colors of the page, or PNG and SVG files."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INCHES = (4.6, 3.2)
POINTS = 72  # per inch
INK, FAINT, PAPER = "#1b1b1c", "#8a8a8b", "#fdfdfe"
# series colors, distinguishable in light and dark mode and by color-blind readers; dashes distinguish them in gray
COLORS = ("#c2571a", "#2b6ca3", "#3c8d5a", "#8a5bb0", "#9a7b1f", "#5f6b76")
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (4, 4)), (0, (1, 3)))
CSS_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", PAPER: "var(--paper)"} | {
    color: f"var(--series-{n})" for n, color in enumerate(COLORS)
}
STYLE: dict[Any, Any] = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": ["DejaVu Sans"],  # ships with matplotlib, so text has the same size on every machine
    "font.size": 10,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 9,
    "legend.handlelength": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "etsyml",  # reproducible ids
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}
LEGEND_COLUMNS = 4  # at most
MAX_HORIZONTAL_LABELS = 8  # tick labels of an axis; more are rotated


class Series(msgspec.Struct, kw_only=True):
    """One line, set of points or set of bars: N values `y` over numbers or names `x`, with bounds if available."""

    name: str
    x: list[float] | list[str]
    y: list[float]
    low: list[float] = []
    high: list[float] = []


class Plot(msgspec.Struct, kw_only=True):
    """A plot. `name` is the name of its file; `diagonal` adds the line y = x."""

    name: str
    title: str
    x: str
    y: str
    series: list[Series]
    kind: Literal["lines", "points", "bars"] = "lines"
    scale: Literal["linear", "log-x", "log-y", "log-log"] = "linear"
    diagonal: bool = False


def svg_of(plot: Plot) -> str:
    """The plot as an <svg> element with the colors of the page's style sheet."""
    svg = _render(plot, "svg").decode()
    inside = svg[svg.index("<defs>") : svg.rindex("</svg>")]
    inside = re.sub(r"<style\b.*?</style>", "", inside, flags=re.DOTALL)  # would apply to the whole page
    inside = re.sub(r"<[^>]*>", lambda tag: _adapt_tag(tag[0], plot.name), inside)
    size = " ".join(f"{inches * POINTS:g}" for inches in INCHES)
    return f'<svg viewBox="0 0 {size}" role="img" aria-label="{escape(plot.title)}">{inside}</svg>'


def _adapt_tag(tag: str, name: str) -> str:
    """Use the page's colors in a tag, and ids that are unique on the page."""
    for color, variable in CSS_VARIABLES.items():
        tag = tag.replace(color, variable)
    if tag.startswith("<g id="):
        return "<g>"
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", tag)


def write_plot(plot: Plot, directory: Path) -> None:
    """Write the plot as PNG and SVG."""
    directory.mkdir(exist_ok=True)
    for ending in ("png", "svg"):
        (directory / f"{plot.name}.{ending}").write_bytes(_render(plot, ending))


def _render(plot: Plot, ending: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # browsers have more fonts
        mpl.rcdefaults()  # ignores the user's matplotlibrc
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=INCHES, layout="constrained", facecolor=PAPER)
        _draw(plot, figure)
        metadata = {"Date": None, "Creator": None} if ending == "svg" else {"Software": None}
        figure.savefig(file, format=ending, dpi=160, metadata=metadata, transparent=ending == "svg")
    return file.getvalue()


def _printable(text: str) -> str:
    """The text without characters that SVG does not allow."""
    return "".join(character for character in text if character.isprintable())


def _draw(plot: Plot, figure: Figure) -> None:
    axes = figure.add_subplot()
    axes.set_xlabel(_printable(plot.x))
    axes.set_ylabel(_printable(plot.y))
    if plot.scale in ("log-x", "log-log"):
        axes.set_xscale("log")
        _tick(axes.xaxis)
    if plot.scale in ("log-y", "log-log"):
        axes.set_yscale("log")
        _tick(axes.yaxis)
    for number, series in enumerate(plot.series):
        color = COLORS[number % len(COLORS)]
        if plot.kind == "bars":
            _bars(axes, series, number, len(plot.series), color)
        else:
            _line(axes, series, plot.kind, color, DASHES[number % len(DASHES)])
    if plot.diagonal:
        ends = [value for series in plot.series for value in (*_positions(series.x), *series.y) if value > 0]
        axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color=FAINT, linewidth=0.8, zorder=0)
    _label_ticks(axes, plot)
    if len(plot.series) > 1:
        figure.legend(loc="outside upper left", ncols=min(len(plot.series), LEGEND_COLUMNS))


def _tick(axis: Axis) -> None:
    """Use plain numbers as tick labels of a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _line(axes: Axes, series: Series, kind: str, color: str, dashes: Any) -> None:
    style: dict[str, Any] = {"color": color, "label": _printable(series.name)}
    x = _positions(series.x)
    if kind == "points":
        style |= {"marker": "o", "markersize": 4, "linewidth": 1, "linestyle": dashes}
    else:
        style |= {"linewidth": 1.6, "linestyle": dashes}
    axes.plot(x, series.y, **style)
    if series.low:
        axes.vlines(x, series.low, series.high, color=color, linewidth=1)


def _bars(axes: Axes, series: Series, number: int, of: int, color: str) -> None:
    width = 0.8 / of
    x = [position + (number - (of - 1) / 2) * width for position in _positions(series.x)]
    axes.bar(x, series.y, width, color=color, label=_printable(series.name))
    if series.low:
        axes.vlines(x, series.low, series.high, color=INK, linewidth=1)


def _positions(x: Sequence[float | str]) -> list[float]:
    """Positions on the axis: the numbers themselves, or 0, 1, … for names."""
    return [float(n) if isinstance(value, str) else value for n, value in enumerate(x)]


def _label_ticks(axes: Axes, plot: Plot) -> None:
    names = [_printable(value) for value in plot.series[0].x if isinstance(value, str)] if plot.series else []
    if names:
        rotate = len(names) > MAX_HORIZONTAL_LABELS
        axes.set_xticks(range(len(names)), names, rotation=45 if rotate else 0, ha="right" if rotate else "center")
