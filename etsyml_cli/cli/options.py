"""Options that several commands share, each with one name and one help text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from etsyml_cli.cli import complete
from etsyml_cli.core.errors import InputError, UsageError

Number = TypeVar("Number", int, float)


def within(least: Number, most: Number | None = None) -> Callable[[typer.CallbackParam, Number | None], Number | None]:
    """A callback that refuses numbers below `least` or above `most`; typer's own would print the bounds as formulas."""

    def check(param: typer.CallbackParam, value: Number | None) -> Number | None:
        if value is not None and not (least <= value and (most is None or value <= most)):
            bounds = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
            raise UsageError(f"{param.opts[0]} {value}: expected a number {bounds}")
        return value

    return check


def _expect_found(ctx: typer.Context, param: typer.CallbackParam, path: Path | None) -> Path | None:
    """The path, which must exist: the usual hint of a command would create it in the workspace, not at this path."""
    if path is not None and not path.exists() and not ctx.resilient_parsing:
        option = param.opts[0]
        raise InputError(f"{option} {path}: not found", hint=f"Check the path, or leave out {option}.")
    return path


Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="PATH", help="Write to this path instead of the workspace.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Read settings from this YAML file.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one setting; repeatable.",
        autocompletion=complete.setting_names,
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", callback=within(0, 2**32 - 1), metavar="N", help="Seed of the random number generator."),
]
Force = Annotated[bool, typer.Option("--force", help="Rerun even if up to date; overwrite --out.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", callback=within(1, 2**62), metavar="N", help="Use only N rows, for a quick try."),
]
Holdout = Annotated[
    str | None,
    typer.Option("--holdout", metavar="none|SHARE", help="Share of the log to hold out as the test set, or none."),
]

Listings = Annotated[
    Path | None,
    typer.Option("--listings", callback=_expect_found, metavar="TABLE", help="Read listings from this table."),
]
Searches = Annotated[
    Path | None,
    typer.Option("--searches", callback=_expect_found, metavar="TABLE", help="Read searches from this table."),
]
Favorites = Annotated[
    Path | None,
    typer.Option("--favorites", callback=_expect_found, metavar="TABLE", help="Read favorites from this table."),
]
Impressions = Annotated[
    Path | None,
    typer.Option("--impressions", callback=_expect_found, metavar="TABLE", help="Read impressions from this table."),
]
Images = Annotated[
    Path | None,
    typer.Option("--images", callback=_expect_found, metavar="DIR", help="Read photo features from this directory."),
]
Features = Annotated[
    Path | None, typer.Option("--features", metavar="FILE", help="File of your own feature rows, SVMlight or LETOR.")
]
Groups = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        metavar="FILE",
        help="File with the number of rows of each query, one per line, if rows have no qid.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        callback=_expect_found,
        metavar="DIR",
        help="Use the model in this directory.",
        autocompletion=complete.models,
    ),
]
TopK = Annotated[int, typer.Option("-k", callback=within(1), metavar="N", help="Length of each list.")]
