"""`etsyml train ltr|lda|ctr`."""

from __future__ import annotations

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.cli.settings import settings

app = typer.Typer(no_args_is_help=True, help="Train a model from tables and features.")


@app.command("ltr")
@common_options
def ltr(
    listings: options.Listings = None,
    searches: options.Searches = None,
    images: options.Images = None,
    holdout: options.Holdout = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Learn to rank search results from pairs of clicked and ignored listings.

    Photo features are used where `etsyml extract-images` has left some. The last 20% of the days are
    set aside for `etsyml evaluate`.

    \b
    Examples:
      etsyml train ltr
      etsyml train ltr --set max_iterations=50 --out models/quick
    """
    from etsyml_cli.stages.image_choice import features_to_train_on
    from etsyml_cli.stages.train_ltr import train_ltr

    place = session.workspace
    show.summary(
        train_ltr(
            listings=listings or place.table("listings"),
            searches=searches or place.table("searches"),
            images=images or features_to_train_on(place.all_images()),
            out=out or place.model("ltr"),
            config=settings("ltr", config, set_).value,
            seed=seed,
            holdout=holdout,
            limit=limit,
            force=force,
            replace=force or out is None,
        )
    )


@app.command("lda")
@common_options
def lda(
    favorites: options.Favorites = None,
    listings: options.Listings = None,
    holdout: options.Holdout = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Learn styles, and every user's style profile, from favorites.

    A fifth of each user's favorites, the latest where times are known, is set aside for `etsyml evaluate`.

    \b
    Examples:
      etsyml train lda
      etsyml train lda --set n_topics=20 --holdout 0.1
    """
    from etsyml_cli.stages.train_lda import train_lda

    place = session.workspace
    show.summary(
        train_lda(
            favorites=favorites or place.table("favorites"),
            listings=listings or place.table_if_here("listings"),
            out=out or place.model("lda"),
            config=settings("lda", config, set_).value,
            seed=seed,
            holdout=holdout,
            limit=limit,
            force=force,
            replace=force or out is None,
        )
    )


@app.command("ctr")
@common_options
def ctr(
    impressions: options.Impressions = None,
    listings: options.Listings = None,
    holdout: options.Holdout = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Learn how likely an ad is clicked, by FTRL-Proximal over hashed features.

    The last day is set aside for `etsyml evaluate`.

    \b
    Examples:
      etsyml train ctr
      etsyml train ctr --set bits=20 --set l1=1
    """
    from etsyml_cli.stages.train_ctr import train_ctr

    place = session.workspace
    show.summary(
        train_ctr(
            impressions=impressions or place.table("impressions"),
            listings=listings or place.table_if_here("listings"),
            out=out or place.model("ctr"),
            config=settings("ctr", config, set_).value,
            holdout=holdout,
            limit=limit,
            force=force,
            replace=force or out is None,
        )
    )
