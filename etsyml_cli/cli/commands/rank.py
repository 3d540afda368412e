"""`etsyml rank`."""

from __future__ import annotations

from functools import partial
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
    query: Annotated[
        str | None, typer.Option("--query", metavar="TEXT", help="Rank the listings that match this query.")
    ] = None,
    searches: options.Searches = None,
    features: options.Features = None,
    groups: options.Groups = None,
    candidates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rank only the listings in this file, one id per line.")
    ] = None,
    before_after: Annotated[
        bool, typer.Option("--before-after", help="Compare the text and the multimodal ranking at fixed percentiles.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Add the reasons for each score.")] = False,
    k: options.TopK = 10,
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="Index built by `etsyml index ltr`.")] = None,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """Rank the listings that match a query, or logged pages.

    With --searches it reranks the logged result pages of a table, with --features the rows of a file. The
    output is a table on a terminal and JSON Lines in a pipe; --out writes .jsonl, .csv, .parquet or .trec.

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
        hint = 'Use --query "..." for one query, --searches TABLE for logged pages, --features FILE for feature rows.'
        raise UsageError("give exactly one of --query, --searches and --features", hint=hint)
    _check_query_options(query, candidates=candidates, before_after=before_after, explain=explain, index=index, out=out)
    if groups is not None and features is None:
        raise UsageError("--groups needs --features FILE")
    if before_after:
        refuse("with --before-after", "k", "text_format", "force")
    if features is not None:
        refuse("with --features", "listings", "images")
    lists.refuse_without_effect(out)
    place = session.workspace
    output = partial(lists.output_lists, out=out, text_format=text_format, force=force)
    if features is not None:
        output(
            rank_rows(model=model or place.model("ltr-rows"), features=features, groups=groups, k=k), subject="query"
        )
        return
    ranker = model or place.model("ltr")
    inputs = stage.RankInputs(
        model=ranker,
        listings=listings or place.table("listings"),
        images=images or features_of_model(ranker, place.all_images()),
    )
    if searches is not None:
        output(stage.rank_searches(inputs, searches, k=k), subject="search_id")
    elif query is not None and before_after:
        _show_before_after(*stage.before_and_after(inputs, [query]))
    elif query is not None:
        found = stage.rank(
            inputs, query, k=k, candidates=candidates, explain=explain, index=index or place.index("ltr")
        )
        output([found], subject="query")


def _check_query_options(
    query: str | None,
    *,
    candidates: Path | None,
    before_after: bool,
    explain: bool,
    index: Path | None,
    out: Path | None,
) -> None:
    if query is None and (candidates or before_after or explain):
        raise UsageError("--candidates, --before-after and --explain need --query")
    if before_after and (candidates or explain or out):
        raise UsageError("--before-after cannot be combined with --candidates, --explain or --out")
    if index is not None and (query is None or candidates or before_after):
        raise UsageError("--index needs --query, without --candidates and --before-after")


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
