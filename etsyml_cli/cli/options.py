"""Options that several commands share, each with one name and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import complete

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

Listings = Annotated[Path | None, typer.Option("--listings", metavar="TABLE", help="The listings table.")]
Searches = Annotated[Path | None, typer.Option("--searches", metavar="TABLE", help="The searches table.")]
Favorites = Annotated[Path | None, typer.Option("--favorites", metavar="TABLE", help="The favorites table.")]
Impressions = Annotated[Path | None, typer.Option("--impressions", metavar="TABLE", help="The impressions table.")]
Images = Annotated[Path | None, typer.Option("--images", metavar="DIR", help="The photo features.")]
Features = Annotated[
    Path | None, typer.Option("--features", metavar="FILE", help="Rows of your own, SVMlight or LETOR.")
]
Groups = Annotated[
    Path | None,
    typer.Option("--groups", metavar="FILE", help="Where rows have no qid: a page's number of rows a line."),
]
Model = Annotated[
    Path | None, typer.Option("--model", metavar="DIR", help="The model.", autocompletion=complete.models)
]
TopK = Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many to list.")]
