"""`etsyml rank`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etsyml_cli.cli import lists, options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.core.errors import UsageError

if TYPE_CHECKING:
    from etsyml_cli.search.rank import BeforeAfter


@common_options
def rank(
    query: Annotated[str | None, typer.Option("--query", help="What a shopper types.")] = None,
    searches: options.Searches = None,
    features: options.Features = None,
    groups: options.Groups = None,
    candidates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rank these listings, one id a line, not all that match.")
    ] = None,
    before_after: Annotated[
        bool, typer.Option("--before-after", help="Who stands at which percentile by text, and by text and photo.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what made each score.")] = False,
    k: options.TopK = 10,
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    index: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What `etsyml index ltr` made: --query needs no more.")
    ] = None,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """Rank the listings that match a query, or the logged result pages of a table.

    A table on a terminal, JSON Lines in a pipe; --out writes .jsonl, .csv, .parquet or .trec.

    \b
    Examples:
      etsyml rank --query "wool scarf"
      etsyml rank --query "wool scarf" -k 100 --out wool-scarf.trec
      etsyml rank --query "wool scarf" --before-after
      etsyml rank --searches work/tables/searches.parquet --out pages.trec
    """
    from etsyml_cli.photos.choose import features_of_model
    from etsyml_cli.search import rank as stage
    from etsyml_cli.search.svmlight_ranker import rank_rows

    if sum(one is not None for one in (query, searches, features)) != 1:
        hint = 'Name --query "...", or logged pages with --searches TABLE, or --features FILE.'
        raise UsageError("one thing is ranked at a time", hint=hint)
    if query is None and (candidates or before_after or explain):
        raise UsageError("--candidates, --before-after and --explain go with --query")
    if before_after and (candidates or explain or out):
        raise UsageError("--before-after goes with none of --candidates, --explain and --out")
    if index is not None and (query is None or candidates or before_after):
        raise UsageError("--index goes with --query alone")
    if groups is not None and features is None:
        raise UsageError("--groups says how many rows of --features each page has", hint="Name --features FILE too.")
    if before_after:
        refuse("with --before-after", "k", "text_format", "force")
    if features is not None:
        refuse("with --features", "listings", "images")
    lists.refuse_without_effect(out)
    place = session.workspace
    ranker = model or place.model("ltr")
    if features is not None:
        ranked = rank_rows(model=ranker, features=features, groups=groups, k=k)
        lists.output_lists(ranked, subject="query", out=out, text_format=text_format, force=force)
        return
    inputs = stage.RankInputs(
        model=ranker,
        listings=listings or place.table("listings"),
        images=images or features_of_model(ranker, place.all_images()),
    )
    if searches is not None:
        pages = stage.rank_searches(inputs, searches, k=k)
        lists.output_lists(pages, subject="search_id", out=out, text_format=text_format, force=force)
    elif query is not None and before_after:
        _show_before_after(*stage.before_and_after(inputs, [query]))
    elif query is not None:
        found = stage.rank(
            inputs, query, k=k, candidates=candidates, explain=explain, index=index or place.index("ltr")
        )
        lists.output_lists([found], subject="query", out=out, text_format=text_format, force=force)


def _show_before_after(found: BeforeAfter) -> None:
    if not show.is_interactive():
        show.print_json(found)
        return
    rows = (
        [f"{row.percentile}th", *(f"{item.title} ({item.id})" for item in (row.text, row.multimodal))]
        for row in found.rows
    )
    title = f"{found.query}: {found.matching:,} matching listings"
    show.table(title, ["percentile", "text", "multimodal"], rows, numbers_from=9)
