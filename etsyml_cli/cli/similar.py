"""`etsyml similar --listing`."""

from __future__ import annotations

from typing import Annotated

import typer

from etsyml_cli.cli import lists, options, show
from etsyml_cli.cli.evaluate import show_measurements
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.core.errors import UsageError


@common_options
def similar(
    listing: Annotated[
        list[str] | None, typer.Option("--listing", metavar="ID", help="Like which; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every listing's list.")] = False,
    judge: Annotated[
        bool, typer.Option("--judge", help="Tell how well the lists foresee what people favorite or click together.")
    ] = False,
    variant: Annotated[
        str | None, typer.Option(metavar="text|image|multimodal", help="What to compare [multimodal, or text].")
    ] = None,
    other_shops: Annotated[bool, typer.Option("--other-shops", help="Leave out the listing's own shop.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what made each score.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Compare whole photos, whatever is indexed.")] = False,
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
    """List the listings most like a listing, by words and photo.

    It needs no model: words come from the listings table, photos from `etsyml extract-images`. Many
    listings are searched sooner through the index that `etsyml index similar` makes. On a terminal the
    lists of --all go to lists/similar.jsonl in the workspace.

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
        raise UsageError("name listings with --listing ID, or all of them with --all, or --judge the lists")
    if judge and (variant or other_shops or explain or exact or out):
        raise UsageError(
            "--judge compares all variants, exactly; "
            "it goes with none of --variant, --other-shops, --explain, --exact and --out"
        )
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
        from etsyml_cli.similar.evaluate import evaluate_similar

        measured = evaluate_similar(
            listings=listings or place.table("listings"),
            images=images or features_to_train_on(place.all_images()),
            favorites=favorites or (None if searches else place.table_if_exists("favorites")),
            searches=searches or place.table_if_exists("searches"),
            k=k,
            seed=seed,
        )
        show_measurements("similar", measured, {"schema_version": show.SCHEMA_VERSION, "metrics": measured})
        return
    found = run_similar(
        listings=listings or place.table("listings"),
        images=images or features_to_train_on(place.all_images()),
        listing_ids=listing or None,
        options=SimilarOptions(k, variant, other_shops, explain),
        index=None if exact else place.index_if_exists("similar"),
    )
    if everything and out is None and show.is_interactive() and text_format is None:
        out, force = place.lists() / "similar.jsonl", True  # nobody reads many lists on a terminal
    lists.output_lists(found, subject="listing_id", out=out, text_format=text_format, force=force)
