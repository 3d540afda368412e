"""`etsyml sample-data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options
from etsyml_cli.cli.settings import settings


@common_options
def sample_data(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Write the data to this directory.")],
    listings: Annotated[
        int | None, typer.Option(callback=options.within(1), metavar="N", help="Number of listings.")
    ] = None,
    users: Annotated[int | None, typer.Option(callback=options.within(1), metavar="N", help="Number of users.")] = None,
    pages: Annotated[
        str | None, typer.Option(metavar="shuffled|ranked", help="Order of the listings on the logged result pages.")
    ] = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    force: options.Force = False,
) -> None:
    """Generate a synthetic marketplace with known ground truth.

    Writes listings with photos, searches, favorites and ad impressions as log files, and the ground truth
    to the directory truth.

    \b
    Examples:
      etsyml sample-data --out market
      etsyml sample-data --out market --listings 2000 --users 500 --seed 7
    """
    from etsyml_cli.sample.write import sample_data as draw

    chosen = settings("sample", config, set_, {"listings": listings, "users": users, "pages": pages}).value
    show.summary(draw(out, chosen, seed=seed, force=force))
