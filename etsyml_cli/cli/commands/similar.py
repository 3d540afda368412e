"""`etsyml similar --listing`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import lists, options, show
from etsyml_cli.cli.commands.evaluate import show_measurements
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.core.errors import UsageError


@common_options
def similar(
    listing: Annotated[
        list[str] | None, typer.Option("--listing", metavar="ID", help="Listing to find similar ones for; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="List similar listings of every listing.")] = False,
    judge: Annotated[
        bool, typer.Option("--judge", help="Evaluate the lists against co-favorites or co-clicks.")
    ] = False,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="text|image|multimodal", help="Features to compare [default: multimodal, or text without photos]."
        ),
    ] = None,
    other_shops: Annotated[bool, typer.Option("--other-shops", help="Exclude listings of the same shop.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Add the reasons for each score.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Compare full photo features and ignore the index.")] = False,
    k: options.TopK = 10,
    listings: options.Listings = None,
    images: options.Images = None,
    favorites: options.Favorites = None,
    searches: options.Searches = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    text_format: lists.Format = None,
    force: options.Force = False,
) -> None:
    """List similar listings, by words and photo.

    No model is needed: words are in the listings table, photo features come from `etsyml extract-images`.
    `etsyml index similar` builds an index that makes it fast on large catalogs. On a terminal the lists of
    --all are written to lists/similar.jsonl in the workspace.

    \b
    Examples:
      etsyml similar --listing L17
      etsyml similar --listing L17 --variant text --other-shops
      etsyml similar --listing L17 --explain
      etsyml similar --all -k 20 --out similar.parquet
      etsyml similar --judge
    """
    from etsyml_cli.photos.choose import features_to_train_on
    from etsyml_cli.similar.search import SimilarOptions
    from etsyml_cli.similar.search import similar as run_similar

    if [bool(listing), everything, judge].count(True) != 1:
        raise UsageError("give exactly one of --listing, --all and --judge")
    if judge and (variant or other_shops or explain or exact or out):
        raise UsageError("--judge cannot be combined with --variant, --other-shops, --explain, --exact or --out")
    if judge:
        refuse("with --judge", "text_format", "force")
    else:
        refuse("without --judge", "favorites", "searches")
    if favorites is not None:
        refuse("with --favorites", "searches")
    if variant == "text":
        refuse("with --variant text", "images", "exact")
    lists.refuse_without_effect(out)
    place = session.workspace
    if judge:
        _judge(
            listings=listings or place.table("listings"),
            images=images or features_to_train_on(place.all_images()),
            favorites=favorites or (None if searches else place.table_if_exists("favorites")),
            searches=searches or place.table_if_exists("searches"),
            k=k,
            seed=seed,
        )
        return
    found = run_similar(
        listings=listings or place.table("listings"),
        images=images or features_to_train_on(place.all_images()),
        listing_ids=listing or None,
        options=SimilarOptions(k, variant, other_shops, explain),
        index=None if exact else place.index_if_exists("similar"),
    )
    if everything and out is None and show.is_interactive() and text_format is None:
        out, force = place.lists() / "similar.jsonl", True  # too many lists for a terminal
    lists.output_lists(found, subject="listing_id", out=out, text_format=text_format, force=force)


def _judge(
    *, listings: Path, images: Path | None, favorites: Path | None, searches: Path | None, k: int, seed: int
) -> None:
    from etsyml_cli.similar.evaluate import evaluate_similar

    measured = evaluate_similar(
        listings=listings, images=images, favorites=favorites, searches=searches, k=k, seed=seed
    )
    show_measurements("similar", measured, {"schema_version": show.SCHEMA_VERSION, "metrics": measured})
