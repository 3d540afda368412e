"""`etsyml index ltr|similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session

app = typer.Typer(no_args_is_help=True, help="Prepare a large catalogue, so that answers come quickly.")


@app.command("ltr")
@common_options
def ltr(
    model: options.Model = None,
    listings: options.Listings = None,
    images: options.Images = None,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Prepare the search ranker for a catalog: `etsyml rank --query` then reads what the query needs.

    Make it anew after training and when listings have changed; an index of other ones is not used.

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
        float, typer.Option(min=0, max=1, metavar="SHARE", help="How much of the exact lists to find.")
    ] = 0.95,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Store listings, words and short sketches of the photos, which `etsyml similar` then searches.

    Make it again when listings or photos have changed; until then `similar` warns and does without.

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
        refuse("without photo features", "recall", hint="Words are always compared exactly: leave out --recall.")
    show.summary(
        index_similar(
            listings=listings or place.table("listings"),
            images=photos,
            out=out or place.index("similar"),
            recall=recall,
            force=force,
        )
    )
