"""Options that several commands share, each with one name and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import complete
from etsyml_cli.core.errors import InputError


def _expect_found(ctx: typer.Context, param: typer.CallbackParam, path: Path | None) -> Path | None:
    """A command that makes what is missing would make it in the workspace, not at the path that was given."""
    if path is not None and not path.exists() and not ctx.resilient_parsing:
        option = param.opts[0]
        raise InputError(f"{option} {path}: not found", hint=f"Check the path, or leave out {option}.")
    return path


Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="PATH", help="Write here, not to the workspace's place.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML file over the defaults.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One setting over the file; repeatable.",
        autocompletion=complete.setting_names,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, metavar="N", help="Seed of every random choice.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again, or replace what --out names.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, max=2**62, metavar="N", help="Only N of the rows, for a quick try.")
]
Holdout = Annotated[
    str | None, typer.Option("--holdout", metavar="none|SHARE|FILE", help="What to set aside for `evaluate`.")
]

Listings = Annotated[
    Path | None, typer.Option("--listings", callback=_expect_found, metavar="TABLE", help="The listings table.")
]
Searches = Annotated[
    Path | None, typer.Option("--searches", callback=_expect_found, metavar="TABLE", help="The searches table.")
]
Favorites = Annotated[
    Path | None, typer.Option("--favorites", callback=_expect_found, metavar="TABLE", help="The favorites table.")
]
Impressions = Annotated[
    Path | None, typer.Option("--impressions", callback=_expect_found, metavar="TABLE", help="The impressions table.")
]
Images = Annotated[
    Path | None, typer.Option("--images", callback=_expect_found, metavar="DIR", help="The photo features.")
]
Features = Annotated[
    Path | None, typer.Option("--features", metavar="FILE", help="Rows of your own, SVMlight or LETOR.")
]
Groups = Annotated[
    Path | None,
    typer.Option("--groups", metavar="FILE", help="Where rows have no qid: a page's number of rows a line."),
]
Model = Annotated[
    Path | None,
    typer.Option("--model", callback=_expect_found, metavar="DIR", help="The model.", autocompletion=complete.models),
]
TopK = Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many to list.")]
