"""`etsyml score`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session


@common_options
def score(
    rows: Annotated[
        str, typer.Argument(metavar="FILE|-", help="JSON Lines of impressions, - for stdin, or an impressions table.")
    ] = "-",
    model: options.Model = None,
    listings: options.Listings = None,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Predict click-through rates of impressions.

    JSON Lines in, JSON Lines out; or from a table to a table.

    \b
    Examples:
      echo '{"listing_id": "L1", "query": "red scarf"}' | etsyml score
      etsyml score work/tables/impressions.parquet --out scores.parquet
    """
    from etsyml_cli.stages.score import score_rows, score_table

    place = session.workspace
    texts = listings or (place.table("listings") if place.table("listings").exists() else None)
    ctr = model or place.model("ctr")
    if rows.endswith(".parquet"):
        show.summary(
            score_table(
                model=ctr,
                impressions=Path(rows),
                listings=texts,
                out=out or place.lists() / "scores.parquet",
                force=force,
                replace=force or out is None,
            )
        )
        return
    with nullcontext(sys.stdin.buffer) if rows == "-" else Path(rows).open("rb") as lines:
        for scored in score_rows(model=ctr, rows=lines, listings=texts):
            show.print_json(scored)
