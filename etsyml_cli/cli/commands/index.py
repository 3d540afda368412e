"""`etsyml index ltr|similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session

app = typer.Typer(no_args_is_help=True, help="Build an index for fast queries over a large catalog.")


@app.command("ltr")
@common_options
def ltr(
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Build the index that `etsyml rank --query` uses.

    Rebuild it after training and after changes of the listings; an index of another model or of other
    listings is ignored.

    \b
    Examples:
      etsyml index ltr
      etsyml index ltr --model models/global --out indexes/global
    """
    from etsyml_cli.photos.choose import features_of_model
    from etsyml_cli.search.build_index import index_ltr

    place = session.workspace
    ranker = model or place.model("ltr")
    show.summary(
        index_ltr(
            model=ranker,
            listings=listings or place.table("listings"),
            images=images or features_of_model(ranker, place.all_images()),
            out=out or place.index("ltr"),
            force=force,
        )
    )


@app.command("similar")
@common_options
def similar(
    listings: options.Listings = None,
    images: options.Images = None,
    recall: Annotated[
        float,
        typer.Option(
            callback=options.within(0.0, 1.0), metavar="SHARE", help="Share of the exact lists to find, from 0 to 1."
        ),
    ] = 0.95,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Build the index that `etsyml similar` uses.

    It stores listings, words and short sketches of the photos. Rebuild it after changes of the listings or
    photos; until then `similar` prints a warning and does not use it.

    \b
    Examples:
      etsyml index similar
      etsyml index similar --recall 0.99
    """
    from etsyml_cli.photos.choose import features_to_train_on
    from etsyml_cli.similar.index import index_similar

    place = session.workspace
    photos = images or features_to_train_on(place.all_images())
    if photos is None:
        refuse("without photo features", "recall", hint="Leave out --recall: words are always compared exactly.")
    show.summary(
        index_similar(
            listings=listings or place.table("listings"),
            images=photos,
            out=out or place.index("similar"),
            recall=recall,
            force=force,
        )
    )
