"""`etsyml train ltr|lda|ctr`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.cli.settings import settings
from etsyml_cli.core.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Train a model from tables and features.")


@app.command("ltr")
@common_options
def ltr(
    listings: options.Listings = None,
    searches: options.Searches = None,
    images: options.Images = None,
    features: options.Features = None,
    groups: options.Groups = None,
    export_pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the training pairs as SVMlight and train no model.")
    ] = None,
    holdout: options.Holdout = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Train a search ranker on clicked and ignored listings.

    It learns from pairs of listings on the same result page, with photo features if `etsyml extract-images`
    has computed them. The last 20% of the days are held out for `etsyml evaluate`. With --features it is
    trained on rows of your own features instead, and written to models/ltr-rows.

    \b
    Examples:
      etsyml train ltr
      etsyml train ltr --set shape=global --out models/global
      etsyml train ltr --export-pairs pairs.svmlight
      etsyml train ltr --features rank.train --groups rank.train.query
    """
    from etsyml_cli.photos.choose import features_to_train_on
    from etsyml_cli.search.prepare import Inputs
    from etsyml_cli.search.svmlight_ranker import Inputs as RowInputs
    from etsyml_cli.search.svmlight_ranker import train_on_rows
    from etsyml_cli.search.train import export_ltr, train_ltr

    place = session.workspace
    common: dict[str, Any] = {"config": settings("ltr", config, set_).value, "seed": seed, "holdout": holdout}
    if export_pairs is not None:
        refuse("with --export-pairs, which trains no model", "out", hint="Leave out --out.")
    if features is not None:
        refuse("with --features", "listings", "searches", "images")
        if export_pairs is not None or limit is not None:
            raise UsageError("--features cannot be combined with --export-pairs or --limit")
        rows = RowInputs(features=features, groups=groups, **common)
        show.summary(train_on_rows(rows, out=out or place.model("ltr-rows"), force=force))
        return
    if groups is not None:
        raise UsageError("--groups needs --features FILE")
    inputs = Inputs(
        listings=listings or place.table("listings"),
        searches=searches or place.table("searches"),
        images=images or features_to_train_on(place.all_images()),
        limit=limit,
        **common,
    )
    if export_pairs is not None:
        show.summary(export_ltr(inputs, out=export_pairs, force=force))
    else:
        show.summary(train_ltr(inputs, out=out or place.model("ltr"), force=force))


@app.command("lda")
@common_options
def lda(
    favorites: options.Favorites = None,
    listings: options.Listings = None,
    images: options.Images = None,
    n_topics: Annotated[
        int | None, typer.Option(callback=options.within(1), metavar="K", help="Number of styles [default: 48].")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Keep the styles of this model and update the profiles."),
    ] = None,
    shops: Annotated[bool, typer.Option("--shops", help="Train on shops instead of their listings.")] = False,
    holdout: Annotated[
        str | None,
        typer.Option(
            metavar="none|SHARE|FILE",
            help="Share of the favorites to hold out as the test set, a file of them, or none.",
        ),
    ] = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Train a style model on favorites.

    It learns styles, a style profile for each user, and which listings are favorited together. The latest
    fifth of the favorites, or without times a random fifth of each user's, is held out for `etsyml
    evaluate`. With --shops the model is about shops instead of listings, as `etsyml recommend --what
    shops` needs, and is written to models/lda-shops.

    \b
    Examples:
      etsyml train lda
      etsyml train lda --n-topics 20 --holdout 0.1
      etsyml train lda --from work/models/lda --out models/today
      etsyml train lda --shops
    """
    from etsyml_cli.personalization.prepare import Inputs
    from etsyml_cli.personalization.train import train_lda
    from etsyml_cli.photos.choose import features_to_train_on

    chosen = settings("lda", config, set_, {"n_topics": n_topics})
    if start is not None and chosen.origins["n_topics"] in ("--set", "option"):
        raise UsageError("n_topics: no effect with --from, which keeps the styles of the model", hint="Leave it out.")
    if shops:
        refuse("with --shops", "images")
    place = session.workspace
    inputs = Inputs(
        favorites=favorites or place.table("favorites"),
        listings=listings or place.table_if_exists("listings"),
        config=chosen.value,
        seed=seed,
        holdout=holdout,
        limit=limit,
        shops=shops,
        start=start,
        images=None if shops else images or features_to_train_on(place.all_images()),
    )
    show.summary(train_lda(inputs, out=out or place.model("lda-shops" if shops else "lda"), force=force))


@app.command("ctr")
@common_options
def ctr(
    impressions: options.Impressions = None,
    searches: options.Searches = None,
    listings: options.Listings = None,
    images: options.Images = None,
    source: Annotated[str, typer.Option(metavar="impressions|searches", help="Table to train on.")] = "impressions",
    label: Annotated[str, typer.Option(metavar="clicked|converted", help="Event to predict.")] = "clicked",
    train_days: Annotated[
        int | None,
        typer.Option(
            callback=options.within(2, 2**31),
            metavar="N",
            help="Train on the last N days before the test set only.",
        ),
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option("--warm-start", metavar="DIR", help="Continue training this model, with its settings."),
    ] = None,
    holdout: options.Holdout = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Train a click model on ad impressions.

    It predicts click-through rates by FTRL-Proximal over hashed features. `etsyml score` uses an ensemble
    of a content model (ad attributes) and a historical model (past performance). The last day is held out
    for `etsyml evaluate`. With --label converted it predicts conversions, and is written to
    models/ctr-converted. With --source searches each listing on a result page is an impression, and the
    model is written to models/ctr-searches.

    \b
    Examples:
      etsyml train ctr
      etsyml train ctr --source searches --train-days 14
      etsyml train ctr --label converted
      etsyml train ctr --warm-start work/models/ctr --holdout none --out models/today
      etsyml train ctr --set bits=20 --set l1=1
    """
    from etsyml_cli.ads.prepare import Inputs
    from etsyml_cli.ads.train import train_ctr
    from etsyml_cli.photos.choose import features_to_train_on

    if warm_start and (config or set_ or train_days):
        raise UsageError("--warm-start uses the settings of the given model: drop --config, --set and --train-days")
    chosen = settings("ctr", config, set_).value
    if not warm_start and not chosen.photo_dim:
        refuse("with photo_dim: null", "images")
    place = session.workspace
    logs = {"impressions": impressions, "searches": searches}
    for other in logs.keys() - {source}:
        if logs[other] is not None:
            raise UsageError(f"--{other} is not read with --source {source}", hint=f"Use --source {other}.")
    name = "-".join(["ctr", *(word for word in (source, label) if word not in ("impressions", "clicked"))])
    inputs = Inputs(
        log=logs.get(source) or place.table(source),
        listings=listings or place.table_if_exists("listings"),
        config=chosen,
        images=images or features_to_train_on(place.all_images()),
        source=source,
        label=label,
        seed=seed,
        holdout=holdout,
        train_days=train_days,
        warm_start=warm_start,
        limit=limit,
    )
    show.summary(train_ctr(inputs, out=out or place.model(name), force=force))
