"""`etsyml report`."""

from __future__ import annotations

from typing import Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.core.log import logger


@common_options
def report(
    plots: Annotated[bool, typer.Option("--plots", help="Also write each plot as PNG and SVG.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    query: Annotated[
        list[str] | None, typer.Option("--query", metavar="TEXT", help="Show the results of this query; repeatable.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Show the page of this user.")] = None,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Write a report of all models as one HTML page.

    The page needs no other file and no network. report.json in the same directory has the same numbers. If
    a result is missing, the page shows the command that creates it.

    \b
    Examples:
      etsyml report
      etsyml report --query "wool scarf" --user U17 --open
      etsyml report --plots --out market-report
    """
    from etsyml_cli.report.page import PAGE, write_report

    place = session.workspace
    directory = out or place.reports()
    written = write_report(place, out=directory, queries=query or [], user=user, plots=plots, force=force)
    show.summary(written)
    if open_ and typer.launch(str(directory / PAGE)) != 0:
        logger.warning("no browser could be started; open %s", directory / PAGE)
