"""`etsyml extract-images`."""

from __future__ import annotations

from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.cli.settings import settings
from etsyml_cli.photos.config import BACKBONES


@common_options
def extract_images(
    listings: options.Listings = None,
    backbone: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Network: {', '.join(BACKBONES)}."),
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option(callback=options.within(1), metavar="N", help="Reduce the features to N dimensions by SVD."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="auto|cpu|cuda|mps", help="Device that runs the network.")
    ] = None,
    out: options.Out = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    force: options.Force = False,
) -> None:
    """Compute photo features with a pretrained network.

    Photos that cannot be read are listed in rejects.jsonl. An interrupted run resumes where it stopped.
    The workspace can hold the features of several networks, full and reduced.

    \b
    Examples:
      etsyml extract-images
      etsyml extract-images --dim 64
      etsyml extract-images --backbone vgg19 --set weights=vgg19.pth
    """
    from etsyml_cli.photos.extract import extract_images as extract

    place = session.workspace
    chosen = settings("images", config, set_, {"backbone": backbone, "dim": dim, "device": device}).value
    show.summary(
        extract(
            listings=listings or place.table("listings"),
            out=out or place.images(chosen.backbone, chosen.dim),
            config=chosen,
            seed=seed,
            limit=limit,
            force=force,
        )
    )
