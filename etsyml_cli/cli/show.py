"""Output of results: one JSON object with --json, a table on a terminal, JSON Lines in a pipe."""

from __future__ import annotations

import math
import re
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from etsyml_cli.cli.session import session
from etsyml_cli.core.log import logger
from etsyml_cli.core.printable import printable

if TYPE_CHECKING:
    from etsyml_cli.io.summary import Summary
    from etsyml_cli.metrics.measurement import Measurement

SCHEMA_VERSION = 1
LABELS = {"in": "read", "learned_from": "favorites used"}  # counts of a summary that are not named like their JSON keys

_JSON = msgspec.json.Encoder(decimal_format="number")


def print_json(value: Any) -> None:
    sys.stdout.write(_JSON.encode(value).decode() + "\n")


def summary(result: Summary) -> None:
    """Print the summary of an output: a JSON object on stdout with --json, else text on stderr."""
    if session.json:
        print_json({"schema_version": SCHEMA_VERSION, **msgspec.to_builtins(result)})
        return
    logger.info("%s: %s", result.path, _state(result))
    for line in facts(result.facts):
        logger.info("  %s", line)


def facts(found: dict[str, Any]) -> list[str]:
    """A line for each fact of a summary that is not empty."""
    return [
        f"{name.replace('_', ' ')}: {_words(fact)}" for name, fact in found.items() if fact not in (None, [], {}, "", 0)
    ]


def _state(result: Summary) -> str:
    """`wrote 300 rows (299 read, 1 rejected)` for a table, `written (400 users, 300 listings)` for other outputs."""
    rows = dict(result.rows)
    state = "up to date" if result.up_to_date else "written"
    if "out" in rows:
        written = rows.pop("out")
        state = f"up to date, {written:,} rows" if result.up_to_date else f"wrote {written:,} rows"
    counts = ", ".join(f"{number:,} {LABELS.get(name, name.replace('_', ' '))}" for name, number in rows.items())
    return f"{state} ({counts})" if counts else state


def is_interactive() -> bool:
    return sys.stdout.isatty() and not session.json


def table(title: str, header: list[str], rows: Iterable[list[str]], *, numbers_from: int = 1) -> None:
    """A table on stdout; columns from `numbers_from` on are right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=Text(printable(title)) if title else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, name in enumerate(header):
        drawn.add_column(name, justify="right" if place >= numbers_from else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))  # Text: a title is never read as markup
    size = shutil.get_terminal_size()
    Console(width=size.columns, height=size.lines).print(drawn)  # rich ignores COLUMNS on a dumb terminal


def interval(low: float | None, high: float | None, decimals: int = 3) -> str:
    """Both ends of an interval in a table; empty if it is undefined."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low, decimals)}…{number(high, decimals)}"


def notes(measurements: Iterable[Measurement]) -> None:
    """Each different note of the measurements, once, below their table."""
    for note in dict.fromkeys(one.note for one in measurements if one.note):
        sys.stdout.write(f"{note}\n")


def number(value: float, decimals: int, sign: str = "") -> str:
    """Rounded and, below 1, without the zero before the point."""
    return re.sub(r"^([-+]?)0\.", r"\1.", f"{value:{sign}.{decimals if abs(value) < 10 else 0}f}")


def _words(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{key} {_words(value)}" for key, value in fact.items())
    if isinstance(fact, list):
        return ", ".join(_words(value) for value in fact)
    if isinstance(fact, float) and abs(fact) < 1000:
        return f"{fact:.4g}"
    return f"{fact:,.0f}" if isinstance(fact, int | float) and not isinstance(fact, bool) else str(fact)
