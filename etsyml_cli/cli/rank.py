"""`etsyml rank --query`."""

from __future__ import annotations

from typing import Annotated

import typer

from etsyml_cli.cli import lists, options
from etsyml_cli.cli.session import common_options, session


@common_options
def rank(
    query: Annotated[str, typer.Option("--query", help="What a shopper types.")],
    k: options.TopK = 10,
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """Rank the listings that match a query.

    A table on a terminal, JSON Lines in a pipe; --out writes .jsonl, .csv, .parquet or .trec.

    \b
    Examples:
      etsyml rank --query "wool scarf"
      etsyml rank --query "wool scarf" -k 100 --out red-scarf.trec
    """
    from etsyml_cli.stages.image_choice import features_of_model
    from etsyml_cli.stages.rank import rank as run_rank

    place = session.workspace
    ranker = model or place.model("ltr")
    ranked = run_rank(
        model=ranker,
        listings=listings or place.table("listings"),
        images=images or features_of_model(ranker, place.all_images()),
        query=query,
        k=k,
    )
    lists.give([ranked], subject="query", out=out, text_format=text_format, force=force)
