"""Compare what a command printed with the output that a document shows.

Words, order, ids, dates and counts must be equal. Measured figures may differ a little: other CPUs round differently,
and training amplifies it. A number is measured if

- it has a decimal point or an exponent, or is a percentage `of` something, and is not part of a word, path or date; or
- it is in a row with a 95% interval, from the figure of this interval on: `451  431…471  -194  -209…-179`; or
- it is the value of a key in LEARNED_COUNTS.

A figure with an interval may differ by a quarter of the interval's width, about one standard error; a p-value by the
same shift; wins and losses by WINS; any other figure by 2% or by one unit of the last digit shown (at most 0.01 after a
decimal point), whichever is larger.
Rows of a ranked list whose scores are that close may change places.
A line that is just `…` stands for any number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

RELATIVE = 0.02
WINS = 0.1  # of wins and losses together
LEARNED_COUNTS = re.compile(r"  (passes|train perplexity|train unigram perplexity): ")

_UNSIGNED = r"(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(rf"(?<![\w./-])[-+]?{_UNSIGNED}(?:e[-+]?\d+)?(?:%(?= of ))?(?![\w/]|[.-]\w)")
_INTERVAL = re.compile(rf"(-?{_UNSIGNED})…(-?{_UNSIGNED})")
_ROW_WITH_INTERVAL = re.compile(rf"[-+]?{_UNSIGNED}\s+{_INTERVAL.pattern}(\s+[-+\d.,…/]+)*$")
_WINS = re.compile(r"(\d+)/(\d+)")
_RANKED_ROW = re.compile(r"(?P<item> .*\S)(?P<place>\s+\d+\s+(?P<score>[-\d.]+))$")


@dataclass(frozen=True)
class Figure:
    """A measured number, and by how much another run of the command may differ from it."""

    value: float
    tolerance: float


@dataclass(frozen=True)
class Line:
    """A printed line: its words with `#` for each figure, and the figures."""

    words: str
    figures: list[Figure]


def is_shown(printed: list[str], shown: list[str]) -> bool:
    """Whether the document shows what was printed."""
    if not shown:
        return not printed
    if shown[0] == "…":
        return any(is_shown(printed[skipped:], shown[1:]) for skipped in range(len(printed) + 1))
    return bool(printed) and any(
        _alike(printed[0], order[0]) and is_shown(printed[1:], order[1:]) for order in _orders(shown)
    )


def _alike(printed: str, shown: str) -> bool:
    one, other = _read(printed), _read(shown)
    return one.words == other.words and all(
        abs(figure.value - expected.value) <= expected.tolerance * (1 + 1e-9)
        for figure, expected in zip(one.figures, other.figures, strict=True)
    )


def _orders(shown: list[str]) -> Iterator[list[str]]:
    """The lines as they are, then with each row of nearly the first row's score in the first place."""
    yield shown
    first = _RANKED_ROW.match(shown[0])
    for i in range(1, len(shown) if first else 1):
        row = _RANKED_ROW.match(shown[i])
        if first is None or row is None or not _nearly_tied(row["score"], first["score"]):
            return
        items = [row["item"], *(line[: -len(_place(line))] for line in shown[:i])]
        yield [*(item + _place(line) for item, line in zip(items, shown, strict=False)), *shown[i + 1 :]]


def _place(line: str) -> str:
    row = _RANKED_ROW.match(line)
    return row["place"] if row else ""


def _nearly_tied(score: str, other: str) -> bool:
    return abs(_number(score) - _number(other)) <= _figure(other).tolerance


def _read(line: str) -> Line:
    """Words and figures; the width of columns depends on the figures and is left out."""
    row = _ROW_WITH_INTERVAL.search(line)
    start = row.start() if row else len(line)
    left, right = _read_text(line[:start]), _read_row(line[start:].split())
    return Line(re.sub(r"[\s─]+", " ", left.words + right.words), left.figures + right.figures)


def _read_text(text: str) -> Line:
    all_measured = LEARNED_COUNTS.match(text)
    figures = []

    def replace(number: re.Match[str]) -> str:
        if not all_measured and not re.search(r"[.e%]", number[0]):
            return number[0]
        figures.append(_figure(number[0]))
        return "#"

    return Line(_NUMBER.sub(replace, text), figures)


def _read_row(cells: list[str]) -> Line:
    figures = [figure for i, cell in enumerate(cells) for figure in _figures_of_cell(cell, cells[i + 1 :], cells)]
    return Line(" ".join(re.sub(r"[-+]?[\d.,]+", "#", cell) for cell in cells), figures)


def _figures_of_cell(cell: str, following: list[str], cells: list[str]) -> list[Figure]:
    if wins := _WINS.fullmatch(cell):
        return [Figure(int(count), WINS * sum(map(int, wins.groups()))) for count in wins.groups()]
    if interval := _INTERVAL.fullmatch(cell):
        return [Figure(_number(end), _quarter_of_width(cell)) for end in interval.groups()]
    if following and _WINS.fullmatch(following[0]):
        return [Figure(_number(cell), _shift_of_p(_number(cell)))]
    own = following[0] if following and _INTERVAL.fullmatch(following[0]) else cells[1]
    return [Figure(_number(cell), _quarter_of_width(own))]


def _quarter_of_width(interval: str) -> float:
    low, high = map(_number, interval.split("…"))
    return (high - low) / 4


def _shift_of_p(p: float) -> float:
    """By how much a two-sided p-value changes if its statistic moves toward 0 by one standard error."""
    normal = NormalDist()
    z = normal.inv_cdf(1 - p / 2)
    return 2 * (1 - normal.cdf(max(z - 1, 0))) - p


def _figure(text: str) -> Figure:
    digits, _, exponent = text.rstrip("%").partition("e")
    decimals = digits.partition(".")[2]
    unit = 10.0 ** (int(exponent or 0) - (max(2, len(decimals)) if decimals else 0))
    return Figure(_number(text), max(RELATIVE * abs(_number(text)), unit))


def _number(text: str) -> float:
    return float(text.rstrip("%").replace(",", ""))
