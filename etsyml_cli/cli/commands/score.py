"""`etsyml score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.given import refuse_force_without_out
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.core.errors import UsageError


@common_options
def score(
    rows: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="JSON Lines file, table of impressions or searches, or - for stdin."),
    ] = "-",
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add the reasons for each score; JSON Lines only.")
    ] = False,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Predict click-through rates of impressions.

    A model trained with --label converted predicts conversion rates. JSON Lines are read and written line
    by line; a table is scored into a new table. Scores are for the first position, unless the model was
    trained with another `position` setting.

    \b
    Examples:
      echo '{"listing_id": "L1", "query": "red scarf"}' | etsyml score
      etsyml score ads.jsonl --explain
      etsyml score work/tables/impressions.parquet --out scores.parquet
    """
    from etsyml_cli.ads.score import Inputs, holds_a_table, score_lines, score_table, write_scored_lines
    from etsyml_cli.photos.choose import features_of_model

    refuse_force_without_out(out=out)
    place = session.workspace
    ctr = model or place.model("ctr")
    inputs = Inputs(
        model=ctr,
        listings=listings or place.table_if_exists("listings"),
        images=images or features_of_model(ctr, place.all_images()),
    )
    if holds_a_table(rows):
        if explain:
            raise UsageError(
                "--explain needs JSON Lines, not a table", hint="Leave it out, or score some rows as JSON Lines."
            )
        scores = out or place.lists() / "scores.parquet"
        show.summary(score_table(inputs, Path(rows), out=scores, force=force))
    elif out is not None and str(out) != "-":
        show.summary(write_scored_lines(inputs, rows, out=out, force=force, explain=explain))
    else:
        scored = score_lines(inputs, rows, explain=explain)
        if session.json:
            show.print_json({"schema_version": show.SCHEMA_VERSION, "rows": list(scored)})
        else:
            for row in scored:
                show.print_json(row)
